/* SPDX-License-Identifier: MIT
 *
 * x.y, x[y], x[a:b:c], calls, filters and tests.  Next: slices.c, invoke.c.
 */
#include <libtrain/chat/sequence.h>
#include <libtrain/chat/tree.h>

int tr__eval_attribute(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                       struct tr__val *out)
{
    struct tr__val v;
    if (tr__evaluate(r, f, n->a, &v))
        return r->err->code;
    r->line = n->line;
    return tr__get_attribute(r, &v, &n->value, out);
}

int tr__eval_item(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    struct tr__val v, key;
    if (tr__evaluate(r, f, n->a, &v) || tr__evaluate(r, f, n->b, &key))
        return r->err->code;
    r->line = n->line;
    return tr__get_item(r, &v, &key, out);
}

/* item: start, stop and step, of which any may be NULL */
int tr__eval_slice(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                   struct tr__val *out)
{
    struct tr__val v, at[3] = { { 0 } };
    if (tr__evaluate(r, f, n->a, &v))
        return r->err->code;
    for (size_t i = 0; i < 3; i++)
        if (n->item[i] && tr__evaluate(r, f, n->item[i], &at[i]))
            return r->err->code;
    r->line = n->line;
    return tr__slice(r, &v, &at[0], &at[1], &at[2], out);
}

/* The arguments of a call, a filter or a test. */
static int arguments(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                     struct tr__args *args)
{
    struct tr__val *at = NULL;
    struct tr__named *named = NULL;
    *args = (struct tr__args){ .n = n->n_item, .n_named = n->n_named };
    if ((n->n_item && !(at = tr__alloc(r, n->n_item, sizeof *at))) ||
        (n->n_named && !(named = tr__alloc(r, n->n_named, sizeof *named))))
        return r->err->code;
    for (size_t i = 0; i < n->n_item; i++)
        if (tr__evaluate(r, f, n->item[i], &at[i]))
            return r->err->code;
    for (size_t i = 0; i < n->n_named; i++) {
        named[i].name = n->named[i].name;
        named[i].n = n->named[i].n;
        if (tr__evaluate(r, f, n->named[i].value, &named[i].value))
            return r->err->code;
    }
    args->at = at;
    args->named = named;
    return 0;
}

int tr__eval_call(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    struct tr__val callee;
    struct tr__args args;
    if (tr__evaluate(r, f, n->a, &callee) || arguments(r, f, n, &args))
        return r->err->code;
    r->line = n->line;
    return tr__call_value(r, &callee, &args, out);
}

int tr__eval_filter(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                    struct tr__val *out)
{
    struct tr__val v;
    struct tr__args args;
    if (tr__evaluate(r, f, n->a, &v) || arguments(r, f, n, &args))
        return r->err->code;
    r->line = n->line;
    return tr__invoke(r, n->call, &v, &args, out);
}

int tr__eval_test(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    return tr__eval_filter(r, f, n, out);
}

/* A filter or test that there is not, in a branch: an error only where it is reached. */
int tr__eval_unknown(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                     struct tr__val *out)
{
    (void)f;
    (void)out;
    r->line = n->line;
    return tr__raise(r, "there is no %s '%.*s'", n->sign ? "test" : "filter",
                     (int)(n->value.n < 80 ? n->value.n : 80), n->value.as.s);
}
