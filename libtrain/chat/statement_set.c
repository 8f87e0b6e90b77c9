/* SPDX-License-Identifier: MIT
 *
 * {% set x = y %}, {% set x %} … {% endset %}, {% filter f %} … {% endfilter %}.  The
 * blocks are scopes of their own; what they render is a hidden variable in them, of a name
 * that no template can write, on which their filters work.  Next: statement_macro.c.
 */
#include <libtrain/chat/capture.h>
#include <libtrain/chat/parser.h>
#include <libtrain/chat/text.h>

/* a: target, b: expression */
static int run_set(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__val v;
    if (tr__evaluate(r, f, n->b, &v))
        return r->err->code;
    return tr__assign(r, f, n->a, &v);
}

int tr__exec_captured(struct tr__run *r, struct tr__frame *f, const struct tr__node *body,
                      struct tr__val *out)
{
    size_t from = r->out->n;
    int rc = tr__exec_body(r, f, body);
    return rc < 0 ? rc : tr__capture(r, from, out);
}

/* c: body; b: filters, or NULL; slot: the hidden variable */
static int render(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    struct tr__frame *inner = tr__enter(r, n->scope, f);
    if (!inner || tr__exec_captured(r, inner, n->c, out))
        return r->err->code;
    if (!n->b)
        return 0;
    inner->slot[n->slot] = *out;
    return tr__evaluate(r, inner, n->b, out);
}

static int run_block(struct tr__run *r, struct tr__frame *f, const struct tr__node *n)
{
    struct tr__val v;
    if (render(r, f, n, &v))
        return r->err->code;
    return n->a ? tr__assign(r, f, n->a, &v) : tr__emit(r, &v);
}

static struct tr__node *filters(struct tr__parser *p, struct tr__node *block, int first)
{
    struct tr__node *hidden = tr__expression_node(p, block->line, tr__eval_name);
    tr__use(p, TR__USE_PARAMETER, "", 0, hidden);
    tr__use(p, TR__USE_PARAMETER, "", 0, block);
    return hidden ? tr__parse_filters(p, hidden, first) : NULL;
}

static int block(struct tr__parser *p, struct tr__node *n, int first, const char *end)
{
    struct tr__outer outer;
    int in_loop = p->in_loop;
    int ok = (n->scope = tr__open_scope(p, &outer)) != NULL;
    if (ok && (first || tr__at_sign(p, "|")))
        ok = !tr__adopt(p, n, &n->b, filters(p, n, first));
    p->captured++;
    p->in_loop = 0;
    ok = ok && !tr__check_known(p) && !tr__adopt(p, n, &n->c, p->body(p, end));
    p->in_loop = in_loop;
    p->captured--;
    tr__close_scope(p, &outer);
    n->exec = run_block;
    return ok && !tr__expect_end(p) ? 0 : -1;
}

static struct tr__node *parse_set(struct tr__parser *p)
{
    struct tr__node *n = tr__node(p, p->t->line);
    if (!n || tr__adopt(p, n, &n->a, tr__parse_target(p, 1)))
        return NULL;
    n->exec = run_set;
    if (!tr__skip_sign(p, "=")) {
        tr__declare(p, n->a, 0);
        return block(p, n, 0, "endset") ? NULL : n;
    }
    if (tr__adopt(p, n, &n->b, tr__parse_tuple(p)))
        return NULL;
    tr__declare(p, n->a, 0);
    return tr__expect_end(p) ? NULL : n;
}

static struct tr__node *parse_filter(struct tr__parser *p)
{
    struct tr__node *n = tr__node(p, p->t->line);
    return n && !block(p, n, 1, "endfilter") ? n : NULL;
}

const struct tr__statement tr__statement_set = { "set", parse_set };
const struct tr__statement tr__statement_filter = { "filter", parse_filter };
