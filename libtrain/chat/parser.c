/* SPDX-License-Identifier: MIT
 *
 * From tokens to a tree.  Each kind of statement reads its own text and runs it
 * (statement_*.c); here are what stands between them, and the statements that Jinja has and
 * templates of chats have not, which are refused by name.  Next: render.c.
 */
#include <libtrain/chat/parser.h>
#include <libtrain/chat/text.h>

#include <stdlib.h>
#include <string.h>

static const struct tr__statement *const statements[] = {
#define TR_STATEMENT(name) &tr__statement_##name,
#include <libtrain/chat/statements.def>
#undef TR_STATEMENT
};

static int run_print(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__val v;
    if (tr__evaluate(r, f, n->a, &v))
        return r->err->code;
    r->line = n->line;
    return tr__emit(r, &v);
}

static int run_text(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    (void)f;
    return tr__emit(r, &n->value);
}

static struct tr__node *parse_print(struct tr__parser *p)
{
    struct tr__node *n = tr__node(p, p->t++->line);
    if (!n || tr__adopt(p, n, &n->a, tr__parse_tuple(p)))
        return NULL;
    n->exec = run_print;
    if (p->t->kind != TR__LEX_PRINT_END) {
        tr__unexpected(p, "'}}'");
        return NULL;
    }
    p->t++;
    return n;
}

static struct tr__node *parse_text(struct tr__parser *p)
{
    const struct tr__lex *t = p->t++;
    struct tr__node *n = tr__node(p, t->line);
    if (n) {
        n->exec = run_text;
        n->value = tr__str(t->s, t->n, TR__OURS);
    }
    return n;
}

static struct tr__node *refuse(struct tr__parser *p, const struct tr__lex *t,
                               const char *ends)
{
    int n = (int)(t->n < 80 ? t->n : 80);
    const char *jinja = "include import from extends block call with autoescape print do "
                        "trans pluralize debug";
    if (tr__is_one_of(t, jinja))
        tr__parse_fail(p, t->line, "the statement '%.*s' is not supported", n, t->s);
    else if (ends)
        tr__parse_fail(p, t->line, "there is no statement '%.*s' here; '%s' is missing", n,
                       t->s, strrchr(ends, ' ') ? strrchr(ends, ' ') + 1 : ends);
    else
        tr__parse_fail(p, t->line, "there is no statement '%.*s'", n, t->s);
    return NULL;
}

static struct tr__node *parse_statement(struct tr__parser *p, const char *ends)
{
    const struct tr__lex *t = tr__expect_name(p);
    for (size_t i = 0; t && i < sizeof statements / sizeof *statements; i++)
        if (strlen(statements[i]->name) == t->n &&
            memcmp(statements[i]->name, t->s, t->n) == 0)
            return statements[i]->parse(p);
    return t ? refuse(p, t, ends) : NULL;
}

/* 1 at a tag that ends the body. */
static int at_end(struct tr__parser *p, const char *ends)
{
    if (p->t->kind != TR__LEX_TAG || p->t[1].kind != TR__LEX_NAME || !ends ||
        !tr__is_one_of(&p->t[1], ends))
        return 0;
    p->end = &p->t[1];
    p->t += 2;
    return 1;
}

static struct tr__node *part(struct tr__parser *p, const char *ends)
{
    struct tr__node *n;
    if (p->t->kind == TR__LEX_TEXT)
        return parse_text(p);
    if (p->t->kind == TR__LEX_PRINT)
        n = parse_print(p);
    else {
        p->t++;
        n = parse_statement(p, ends);
    }
    return n && !tr__check_known(p) ? n : NULL;
}

enum { DEEPEST = 100 }; /* statements in each other */

static struct tr__node *parse_body(struct tr__parser *p, const char *ends)
{
    struct tr__nodes list = { 0 };
    struct tr__node *n = tr__node(p, p->t->line);
    int ok = n != NULL;
    if (ends) { /* behind the head of a statement, where Jinja lets a colon pass */
        tr__skip_sign(p, ":");
        ok = ok && !tr__expect_end(p);
    }
    if (ok && ++p->nested > DEEPEST)
        ok = !tr__parse_fail(p, n->line, "statements are nested too deep");
    while (ok && !at_end(p, ends)) {
        if (p->t->kind == TR__LEX_END) {
            if (ends)
                ok = !tr__parse_fail(p, n->line, "'%s' is missing",
                                     strrchr(ends, ' ') ? strrchr(ends, ' ') + 1 : ends);
            break;
        }
        ok = !tr__nodes_add(p, &list, part(p, ends));
    }
    p->nested--;
    return tr__nodes_done(p, &list, n, ok);
}

int tr__parse_template(struct tr__parser *p)
{
    struct tr__outer outer;
    p->body = parse_body;
    p->expression = tr__parse_expression;
    p->tuple = tr__parse_tuple;
    p->last = &p->chat->scope;
    if (!tr__open_scope(p, &outer) || !(p->chat->body = parse_body(p, NULL)))
        return p->src.err->code;
    return tr__resolve_names(p);
}
