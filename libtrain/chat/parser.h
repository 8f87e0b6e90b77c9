/* SPDX-License-Identifier: MIT
 *
 * Reading a template: what the files of the statements share.  Functions that return a node
 * return NULL after a failure, which is set.
 */
#ifndef LIBTRAIN_CHAT_PARSER_H
#define LIBTRAIN_CHAT_PARSER_H

#include <libtrain/chat/lexer.h>
#include <libtrain/chat/tree.h>

struct tr__parser {
    struct tr__source src; /* its tokens */
    const struct tr__lex *t; /* the one that comes next */
    struct tr_chat *chat;
    struct tr__scope *scope, **last; /* the innermost; where the next is to be linked */
    unsigned branch; /* so many `if` around this, in this scope */
    int soft; /* inside of an `if` of this scope: unknown filters may stand there */
    const struct tr__node *unknown; /* a filter or test that there is not */
    int captured;                   /* inside of what is rendered into a string */
    int in_loop;    /* break may stand here */
    unsigned loops; /* around this */
    uint64_t work;          /* of telling names apart */
    unsigned depth, nested; /* expressions; statements */
    /* Statements up to one of the tags in `ends` (names with a blank between), whose name
     * is passed over and left in p->end. */
    struct tr__node *(*body)(struct tr__parser *p, const char *ends);
    struct tr__node *(*expression)(struct tr__parser *p), *(*tuple)(struct tr__parser *p);
    const struct tr__lex *end;
    const struct tr__callable *(*find_filter)(const char *name, size_t n);
    const struct tr__callable *(*find_test)(const char *name, size_t n);
};

struct tr__statement {
    const char *name;
    struct tr__node *(*parse)(struct tr__parser *p); /* behind its name; NULL: refused */
};
#define TR_STATEMENT(name) extern const struct tr__statement tr__statement_##name;
#include <libtrain/chat/statements.def>
#undef TR_STATEMENT

int tr__parse_fail(struct tr__parser *p, uint32_t line, const char *fmt, ...)
    TR_PRINTF(3, 4);
void *tr__parse_alloc(struct tr__parser *p, size_t count, size_t size);
int tr__at_name(const struct tr__parser *p, const char *name);
int tr__at_sign(const struct tr__parser *p, const char *sign);
/* Passes over it if it comes next. */
int tr__skip_name(struct tr__parser *p, const char *name);
int tr__skip_sign(struct tr__parser *p, const char *sign);
/* 0, or a failure that says what stands there instead. */
int tr__expect_sign(struct tr__parser *p, const char *sign);
int tr__expect_end(struct tr__parser *p); /* of a tag */
const struct tr__lex *tr__expect_name(struct tr__parser *p);
int tr__unexpected(struct tr__parser *p, const char *wanted);

/* Is the token one of these names, which have blanks between them? */
int tr__is_one_of(const struct tr__lex *t, const char *names);

struct tr__node *tr__node(struct tr__parser *p, uint32_t line);
struct tr__node *tr__expression_node(struct tr__parser *p, uint32_t line, tr__eval *eval);
/* Hang a child into its parent; 0, or a failure if `child` is NULL. */
int tr__adopt(struct tr__parser *p, struct tr__node *parent, struct tr__node **place,
              struct tr__node *child);
/* Nodes added one by one; the array stays malloc'ed until tr__nodes_done. */
struct tr__nodes { struct tr__node **item; size_t n, cap; };
int tr__nodes_add(struct tr__parser *p, struct tr__nodes *list, struct tr__node *n);
/* Copies them into `parent`, and frees; `ok` 0: only frees.  Returns parent or NULL. */
struct tr__node *tr__nodes_done(struct tr__parser *p, struct tr__nodes *list,
                                struct tr__node *parent, int ok);

/* a if b else c; without a condition; with commas. */
struct tr__node *tr__parse_expression(struct tr__parser *p);
struct tr__node *tr__parse_or(struct tr__parser *p);
struct tr__node *tr__parse_tuple(struct tr__parser *p);
struct tr__node *tr__parse_condition(struct tr__parser *p); /* the same, without `if` */
/* `| name(…) | …` behind n; first: it begins with a name, whose `a` is n or, if that is
 * NULL, for the caller to set. */
struct tr__node *tr__parse_filters(struct tr__parser *p, struct tr__node *n, int first);
/* What is assigned to: its variables are told to the scope by tr__declare. */
struct tr__node *tr__parse_target(struct tr__parser *p, int attributes);
void tr__declare(struct tr__parser *p, struct tr__node *target, int parameter);

enum tr__use_kind { TR__USE_LOAD, TR__USE_STORE, TR__USE_PARAMETER };
struct tr__use { /* of a variable in a scope, in the order of the text */
    enum tr__use_kind kind;
    int branch;
    struct tr__node *node; /* gets its slot; may be NULL */
    const char *name;
    size_t n;
};
/* A scope: inside of it p->branch and p->soft begin at 0. */
struct tr__outer { struct tr__scope *scope; unsigned branch; int soft; };
struct tr__scope *tr__open_scope(struct tr__parser *p, struct tr__outer *outer);
void tr__close_scope(struct tr__parser *p, const struct tr__outer *outer);
/* Refuses an unknown filter or test, unless it is in a branch. */
int tr__check_known(struct tr__parser *p);
/* No memory shows in p->src.err. */
void tr__use(struct tr__parser *p, enum tr__use_kind kind, const char *name, size_t n,
             struct tr__node *node);
/* Gives every variable its slot, when all was read. */
int tr__resolve_names(struct tr__parser *p);

/* All of the tokens into p->chat: 0, or the failure. */
int tr__parse_template(struct tr__parser *p) TR_MUST_CHECK;

#endif
