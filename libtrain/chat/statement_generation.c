/* SPDX-License-Identifier: MIT
 *
 * {% generation %} … {% endgeneration %}: what a template's author wants trained.  It is
 * transformers' own block, a scope like the others.  Next: parser.c.
 */
#include <libtrain/chat/parser.h>

#include <libtrain/base/base.h>

/* b: body */
static int run_generation(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr_chat_text *t = r->out;
    struct tr__frame *inner = tr__enter(r, n->scope, f);
    size_t from = t->n;
    int rc = inner ? tr__exec_body(r, inner, n->b) : r->err->code;
    if (rc < 0)
        return rc;
    if (tr__grow(&t->generation, &t->cap_generation, t->n_generation + 1,
                 sizeof *t->generation))
        return tr__out_of_room(r);
    t->generation[t->n_generation++] = (struct tr_chat_range){ from, t->n };
    return TR__GO_ON;
}

static struct tr__node *parse(struct tr__parser *p)
{
    struct tr__outer outer;
    struct tr__node *n = tr__node(p, p->t->line);
    int in_loop = p->in_loop, ok;
    if (!n)
        return NULL;
    if (p->captured) {
        tr__parse_fail(p, n->line, "a generation block in a string is not supported");
        return NULL;
    }
    ok = (n->scope = tr__open_scope(p, &outer)) != NULL;
    p->captured++;
    p->in_loop = 0;
    ok = ok && !tr__adopt(p, n, &n->b, p->body(p, "endgeneration"));
    p->in_loop = in_loop;
    p->captured--;
    tr__close_scope(p, &outer);
    p->chat->has_generation = 1;
    n->exec = run_generation;
    return ok && !tr__expect_end(p) ? n : NULL;
}

const struct tr__statement tr__statement_generation = { "generation", parse };
