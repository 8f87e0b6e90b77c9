/* SPDX-License-Identifier: MIT
 *
 * Filters of lists and whatever else has items.  Next: filters_order.c.
 */
#include <libtrain/chat/filters.h>
#include <libtrain/chat/state.h>
#include <libtrain/chat/strings.h>

int tr__filter_length(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    const struct tr__val *v = &c->self;
    if (!tr__type(r, v)->sized)
        return tr__raise(r, "%s has no length", tr__type(r, v)->name);
    *out = tr__int(v->kind == TR__UNDEFINED ? 0 :
                   (int64_t)(tr__is_str(v) ? tr__char_count(v->as.s, v->n) : v->n));
    return tr__steps(r, tr__is_str(v) ? v->n / 32 : 0);
}

static int undefined(struct tr__val *out, const char *what, size_t n)
{
    *out = tr__undefined(NULL, what, n);
    return 0;
}

int tr__filter_first(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__iter it = { c->self, 0 };
    int rc = tr__iterable(r, &c->self);
    if (rc || (rc = tr__next(r, &it, out)) < 0)
        return rc;
    return rc ? 0 : undefined(out, "first of nothing", 16);
}

int tr__filter_last(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val list;
    if (c->self.kind == TR__GENERATOR)
        return tr__raise(r, "a generator has no last item");
    if (tr__items(r, &c->self, &list))
        return r->err->code;
    if (list.n == 0)
        return undefined(out, "last of nothing", 15);
    *out = list.as.item[list.n - 1];
    return 0;
}

int tr__filter_list(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__items(r, &c->self, out);
}

/* The same attribute of each item. */
static int attributes(struct tr__run *r, const struct tr__val *of,
                      const struct tr__val *path,
                      struct tr__val *out)
{
    struct tr__val list, *item;
    if (tr__items(r, of, &list) || !(item = tr__alloc(r, list.n, sizeof *item)))
        return r->err->code;
    for (size_t i = 0; i < list.n; i++)
        if (tr__get_path(r, &list.as.item[i], path, &item[i]))
            return r->err->code;
    return tr__list(r, TR__LIST, item, list.n, out);
}

int tr__filter_join(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val by = tr__str("", 0, TR__OURS), of = c->self;
    if ((tr__given(c, 0) && tr__to_str(r, &c->arg[0], &by)) ||
        (!tr__absent(&c->arg[1]) && attributes(r, &c->self, &c->arg[1], &of)))
        return r->err->code;
    by.safe = 0;
    return tr__join(r, &by, &of, 0, out);
}

static int turn_round(struct tr__run *r, const struct tr__val *of, struct tr__val *list)
{
    struct tr__val *item;
    if (tr__items(r, of, list) || !(item = tr__alloc(r, list->n, sizeof *item)))
        return r->err->code;
    for (size_t i = 0; i < list->n; i++)
        item[i] = list->as.item[list->n - 1 - i];
    return tr__list(r, TR__LIST, item, list->n, list);
}

static int reversed(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    return turn_round(r, &g->call->self, list);
}

/* Of a generator it is a list, as Python cannot go through one backwards. */
int tr__filter_reverse(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__build b;
    size_t n;
    if (c->self.kind == TR__GENERATOR)
        return turn_round(r, &c->self, out);
    if (!tr__is_str(&c->self))
        return tr__iterable(r, &c->self) ? r->err->code
                                         : tr__generator(r, c, reversed, out);
    tr__build_begin(&b, r);
    for (size_t at = c->self.n; at > 0 && !b.failed; at -= n) {
        tr__char_before(c->self.as.s, at, &n);
        tr__put_part(&b, &c->self, at - n, at);
    }
    if (tr__steps(r, c->self.n / 4) || tr__build_done(&b, out))
        return r->err->code;
    out->safe = c->self.safe;
    return 0;
}

int tr__filter_sum(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__iter it = { c->self, 0 };
    struct tr__val item;
    int rc;
    *out = tr__given(c, 1) ? c->arg[1] : tr__int(0);
    if (tr__iterable(r, &c->self))
        return r->err->code;
    while ((rc = tr__next(r, &it, &item)) > 0) {
        struct tr__val sum = *out;
        if ((!tr__absent(&c->arg[0]) && tr__get_path(r, &item, &c->arg[0], &item)) ||
            tr__operator_add.apply(r, &sum, &item, out))
            return r->err->code;
    }
    return rc;
}

/* [from, to) of items, filled up to `width` with the filling if it is given. */
static int piece(struct tr__run *r, const struct tr__val *list, size_t from, size_t to,
                 size_t width, const struct tr__val *fill, struct tr__growing *out)
{
    struct tr__growing part = { 0 };
    struct tr__val v;
    for (size_t i = from; i < to; i++)
        if (tr__add(r, &part, &list->as.item[i]))
            return r->err->code;
    while (!tr__absent(fill) && part.n < width)
        if (tr__steps(r, 1) || tr__add(r, &part, fill))
            return r->err->code;
    if (tr__list(r, TR__LIST, part.item, part.n, &v))
        return r->err->code;
    return tr__add(r, out, &v);
}

static int batches(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    struct tr__growing all = { 0 };
    struct tr__val items;
    int64_t n;
    if (tr__items(r, &g->call->self, &items) || tr__int_arg(r, g->call, 0, 0, &n))
        return r->err->code;
    if (n < 1)
        return tr__raise(r, "batches of %d", (int)n);
    for (size_t from = 0; from < items.n; from += (size_t)n) {
        size_t to = items.n - from > (size_t)n ? from + (size_t)n : items.n;
        if (piece(r, &items, from, to, (size_t)n, &g->call->arg[1], &all))
            return r->err->code;
    }
    return tr__list(r, TR__LIST, all.item, all.n, list);
}

int tr__filter_batch(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, batches, out);
}

static int slices(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    struct tr__growing all = { 0 };
    struct tr__val items;
    int64_t n;
    size_t from = 0;
    if (tr__items(r, &g->call->self, &items) || tr__int_arg(r, g->call, 0, 0, &n))
        return r->err->code;
    if (n < 1)
        return tr__raise(r, "%d slices", (int)n);
    for (int64_t i = 0; i < n; i++) {
        size_t more = (size_t)i < items.n % (size_t)n, size = items.n / (size_t)n;
        /* the shorter ones get one filling each */
        size_t width = more ? 0 : size + 1;
        if (tr__steps(r, 1) || piece(r, &items, from, from + size + more, width,
                                     &g->call->arg[1], &all))
            return r->err->code;
        from += size + more;
    }
    return tr__list(r, TR__LIST, all.item, all.n, list);
}

int tr__filter_slice(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, slices, out);
}
