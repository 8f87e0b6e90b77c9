/* SPDX-License-Identifier: MIT
 *
 * {% if %} … {% elif %} … {% else %} … {% endif %}.  What is set in a branch stays.
 * Next: statement_for.c.
 */
#include <libtrain/chat/parser.h>

/* a: the condition, b: what is done then, c: else, another if or a body */
static int run_if(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__val yes;
    for (; n && n->exec == run_if; n = n->c) {
        if (tr__evaluate(r, f, n->a, &yes))
            return r->err->code;
        if (tr__truth(r, &yes))
            return tr__exec_body(r, f, n->b);
    }
    return n ? tr__exec_body(r, f, n) : TR__GO_ON;
}

static struct tr__node *one(struct tr__parser *p)
{
    struct tr__node *n = tr__node(p, p->t->line);
    if (!n || tr__adopt(p, n, &n->a, tr__parse_condition(p)))
        return NULL;
    n->exec = run_if;
    return tr__adopt(p, n, &n->b, p->body(p, "elif else endif")) ? NULL : n;
}

/* A chain of elif is run in a loop, so it is no deeper than one of its links. */
static int link(struct tr__parser *p, struct tr__node *first, struct tr__node *last,
                struct tr__node *n)
{
    if (tr__adopt(p, first, &last->c, n))
        return -1;
    return 0;
}

static struct tr__node *parse(struct tr__parser *p)
{
    struct tr__node *first, *last;
    p->soft++;
    p->branch++;
    first = last = one(p);
    while (last && p->end->n == 4 && *p->end->s == 'e' && p->end->s[2] == 'i') { /* elif */
        struct tr__node *n = one(p);
        last = link(p, first, last, n) ? NULL : n;
    }
    if (last && p->end->n == 4 && link(p, first, last, p->body(p, "endif")))
        last = NULL;
    p->soft--;
    p->branch--;
    return last && !tr__expect_end(p) ? first : NULL;
}

const struct tr__statement tr__statement_if = { "if", parse };
