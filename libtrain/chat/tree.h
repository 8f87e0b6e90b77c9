/* SPDX-License-Identifier: MIT
 *
 * A template as a tree: made once by the parser, walked by each rendering.
 */
#ifndef LIBTRAIN_CHAT_TREE_H
#define LIBTRAIN_CHAT_TREE_H

#include <libtrain/chat/run.h>

struct tr__node;
struct tr__operator;

/* Variables of a scope while it runs.  A macro keeps the frame that it was defined in. */
struct tr__frame {
    struct tr__frame *outer;
    struct tr__val slot[];
};

/* The value of an expression: 0, or a negative code. */
typedef int tr__eval(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                     struct tr__val *out);
/* What a statement ends with. */
enum { TR__GO_ON, TR__BREAK, TR__CONTINUE };
/* One of them, or a negative code. */
typedef int tr__exec(struct tr__run *r, struct tr__frame *f, const struct tr__node *n);

struct tr__keyword {
    const char *name;
    size_t n;
    struct tr__node *value;
};

struct tr__node {
    tr__eval *eval; /* of expressions */
    tr__exec *exec; /* of statements */
    uint32_t line;
    uint32_t depth; /* 1 + that of the deepest child */
    struct tr__node *a, *b, *c;
    struct tr__node **item; /* (n_item) statements of a body, arguments, elements */
    size_t n_item;
    struct tr__keyword *named; /* (n_named) arguments by name */
    size_t n_named;
    struct tr__val value; /* a constant, or the name that stands here */
    const struct tr__callable *call;
    uint32_t up, slot;      /* where a name's variable is: so many frames outward */
    struct tr__scope *scope, *scope2; /* that it opens */
    int sign;               /* which comparison */
    const struct tr__operator *op;
};

enum tr__load { /* what a variable is when its scope begins */
    TR__LOAD_NOTHING, /* it is set in the scope, or it is a parameter */
    TR__LOAD_GLOBAL,  /* the caller's variable of this name */
    TR__LOAD_OUTER    /* what the variable of this name is outside */
};
struct tr__variable {
    enum tr__load load;
    uint32_t from, up; /* number of the global name; slot of the frame so far outward */
    const char *name;
    size_t n;
};
struct tr__scope {
    struct tr__scope *outer;
    struct tr__variable *variable; /* (n) */
    size_t n, cap;
    /* while it is parsed: */
    struct tr__use *use;
    size_t n_use, cap_use;
    struct tr__scope *next; /* all of a template, outer ones first */
};

struct tr__name { const char *s; size_t n; };

struct tr_chat {
    char *name;
    struct tr__pool pool;  /* of the tree, and of the text */
    const char *given;     /* (n_given) the text */
    size_t n_given;
    const char *text;      /* (n_text) the same with \n for all ends of lines */
    size_t n_text;
    struct tr__node *body;
    struct tr__scope *scope; /* the outermost */
    struct tr__name *names;  /* (n_names) of variables that the caller may give */
    size_t n_names, cap_names;
    int has_generation;
};

static inline int tr__evaluate(struct tr__run *r, struct tr__frame *f,
                               const struct tr__node *n, struct tr__val *out)
{
    if (r->depth >= TR_CHAT_MAX_DEPTH)
        return tr__raise(r, "expressions, statements and macros are nested too deep");
    if (++r->steps > TR_CHAT_MAX_STEPS)
        return tr__too_long(r);
    r->depth++;
    int rc = n->eval(r, f, n, out);
    r->depth--;
    return rc;
}

static inline int tr__execute(struct tr__run *r, struct tr__frame *f,
                              const struct tr__node *n)
{
    if (r->depth >= TR_CHAT_MAX_DEPTH)
        return tr__raise(r, "expressions, statements and macros are nested too deep");
    if (++r->steps > TR_CHAT_MAX_STEPS)
        return tr__too_long(r);
    r->depth++;
    int rc = n->exec(r, f, n);
    r->depth--;
    return rc;
}

/* An operator of one or two numbers, strings or lists. */
struct tr__operator {
    const char *sign;
    int (*apply)(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                 struct tr__val *out);
};
#define TR_OPERATOR(name) extern const struct tr__operator tr__operator_##name;
#include <libtrain/chat/operators.def>
#undef TR_OPERATOR

/* A frame for the scope, or its variables once more as they are at its beginning. */
struct tr__frame *tr__enter(struct tr__run *r, const struct tr__scope *s,
                            struct tr__frame *outer);
void tr__enter_again(struct tr__run *r, const struct tr__scope *s, struct tr__frame *f);
/* Statements of a body, up to the first that does not go on. */
tr__exec tr__exec_body;
/* Puts a value into a name, a tuple of names or an attribute of a namespace. */
int tr__assign(struct tr__run *r, struct tr__frame *f, const struct tr__node *target,
               const struct tr__val *v);

tr__eval tr__eval_const, tr__eval_name, tr__eval_list, tr__eval_tuple, tr__eval_dict,
    tr__eval_and, tr__eval_or, tr__eval_not, tr__eval_choice, tr__eval_compare,
    tr__eval_concat, tr__eval_binary, tr__eval_unary, tr__eval_attribute, tr__eval_item,
    tr__eval_slice, tr__eval_call, tr__eval_filter, tr__eval_test, tr__eval_unknown;

/* Of eval_compare's items, in `sign`. */
enum tr__comparison {
    TR__EQUAL, TR__DIFFERS, TR__LESS, TR__GREATER, TR__AT_MOST, TR__AT_LEAST, TR__IN,
    TR__NOT_IN
};

#endif
