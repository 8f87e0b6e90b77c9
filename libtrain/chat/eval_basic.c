/* SPDX-License-Identifier: MIT
 *
 * Constants, literals, logic and comparison.  Next: eval_arithmetic.c.
 */
#include <libtrain/chat/text.h>
#include <libtrain/chat/tree.h>

int tr__eval_const(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                   struct tr__val *out)
{
    (void)r;
    (void)f;
    *out = n->value;
    return 0;
}

static int items(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                 enum tr__kind kind, struct tr__val *out)
{
    struct tr__val *item = tr__alloc(r, n->n_item, sizeof *item);
    if (!item)
        return r->err->code;
    for (size_t i = 0; i < n->n_item; i++)
        if (tr__evaluate(r, f, n->item[i], &item[i]))
            return r->err->code;
    return tr__list(r, kind, item, n->n_item, out);
}

int tr__eval_list(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    return items(r, f, n, TR__LIST, out);
}

int tr__eval_tuple(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                   struct tr__val *out)
{
    return items(r, f, n, TR__TUPLE, out);
}

/* Of two equal keys the first gives the place, the last the value. */
int tr__eval_dict(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                  struct tr__val *out)
{
    struct tr__pair *pair = tr__alloc(r, n->n_item / 2, sizeof *pair);
    size_t used = 0;
    if (!pair)
        return r->err->code;
    for (size_t i = 0; i < n->n_item; i += 2) {
        struct tr__pair p;
        size_t k = 0;
        if (tr__evaluate(r, f, n->item[i], &p.key) ||
            tr__evaluate(r, f, n->item[i + 1], &p.value))
            return r->err->code;
        r->line = n->line;
        if (p.key.kind == TR__LIST || p.key.kind == TR__DICT)
            return tr__raise(r, "%s cannot be a key", tr__type(r, &p.key)->name);
        if (tr__steps(r, used / 8))
            return r->err->code;
        while (k < used && tr__equal(r, &pair[k].key, &p.key) == 0)
            k++;
        if (k < used)
            pair[k].value = p.value;
        else
            pair[used++] = p;
    }
    return tr__dict(r, pair, used, out);
}

int tr__eval_and(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                 struct tr__val *out)
{
    int rc = tr__evaluate(r, f, n->a, out);
    return rc || !tr__truth(r, out) ? rc : tr__evaluate(r, f, n->b, out);
}

int tr__eval_or(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                struct tr__val *out)
{
    int rc = tr__evaluate(r, f, n->a, out);
    return rc || tr__truth(r, out) ? rc : tr__evaluate(r, f, n->b, out);
}

int tr__eval_not(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                 struct tr__val *out)
{
    if (tr__evaluate(r, f, n->a, out))
        return r->err->code;
    *out = tr__bool(!tr__truth(r, out));
    return 0;
}

/* b if a else c */
int tr__eval_choice(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                    struct tr__val *out)
{
    if (tr__evaluate(r, f, n->a, out))
        return r->err->code;
    if (tr__truth(r, out))
        return tr__evaluate(r, f, n->b, out);
    if (n->c)
        return tr__evaluate(r, f, n->c, out);
    *out = tr__undefined(NULL, "if without else", 15);
    return 0;
}

typedef int comparison(struct tr__run *r, const struct tr__val *a, const struct tr__val *b);

static int differs(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int same = tr__equal(r, a, b);
    return same < 0 ? same : !same;
}

static int less(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int order, rc = tr__compare(r, a, b, &order);
    return rc ? rc : order == -1;
}

static int greater(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int order, rc = tr__compare(r, a, b, &order);
    return rc ? rc : order == 1;
}

static int at_most(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int order, rc = tr__compare(r, a, b, &order);
    return rc ? rc : order <= 0;
}

static int at_least(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int order, rc = tr__compare(r, a, b, &order);
    return rc ? rc : order == 0 || order == 1;
}

static int in(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    return tr__contains(r, b, a);
}

static int not_in(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int found = tr__contains(r, b, a);
    return found < 0 ? found : !found;
}

/* By enum tr__comparison. */
static comparison *const comparisons[] = { tr__equal, differs,  less, greater,
                                           at_most,   at_least, in,   not_in };

/* a < b < c: each with its neighbour, until one does not hold. */
int tr__eval_compare(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                     struct tr__val *out)
{
    struct tr__val left, right;
    int holds = 1;
    if (tr__evaluate(r, f, n->a, &left))
        return r->err->code;
    for (size_t i = 0; holds && i < n->n_item; i++) {
        if (tr__evaluate(r, f, n->item[i], &right))
            return r->err->code;
        r->line = n->line;
        holds = comparisons[n->item[i]->sign](r, &left, &right);
        if (holds < 0)
            return holds;
        left = right;
    }
    *out = tr__bool(holds);
    return 0;
}
