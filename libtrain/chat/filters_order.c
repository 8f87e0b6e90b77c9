/* SPDX-License-Identifier: MIT
 *
 * Filters that order or compare items, by an attribute of them or as they are.  Next:
 * filters_select.c.
 */
#include <libtrain/chat/filters.h>
#include <libtrain/chat/state.h>

#include <string.h>

/* Items with their keys. */
static int keyed(struct tr__run *r, const struct tr__val *of, const struct tr__val *path,
                 int case_sensitive, struct tr__sorted **to, size_t *n)
{
    struct tr__val list;
    if (tr__items(r, of, &list) || !(*to = tr__alloc(r, list.n, sizeof **to)))
        return r->err->code;
    *n = list.n;
    for (size_t i = 0; i < list.n; i++) {
        (*to)[i].value = list.as.item[i];
        if (tr__sort_key(r, &list.as.item[i], path, case_sensitive, &(*to)[i].key))
            return r->err->code;
    }
    return 0;
}

static int values(struct tr__run *r, const struct tr__sorted *from, size_t n,
                  struct tr__val *out)
{
    struct tr__val *item = tr__alloc(r, n, sizeof *item);
    if (!item)
        return r->err->code;
    for (size_t i = 0; i < n; i++)
        item[i] = from[i].value;
    return tr__list(r, TR__LIST, item, n, out);
}

/* "a,b": by a, and where that is the same by b; sorting by the last first. */
int tr__filter_sort(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__sorted *item;
    size_t n;
    struct tr__val path = c->arg[2], of = c->self;
    int64_t left = tr__is_str(&path) ? (int64_t)path.n : 0;
    do {
        int64_t from = left;
        while (from > 0 && path.as.s[from - 1] != ',')
            from--;
        struct tr__val part = path;
        if (tr__is_str(&path))
            part = tr__str(path.as.s + from, (size_t)(left - from), TR__OURS);
        if (keyed(r, &of, &part, tr__flag(r, c, 1), &item, &n) ||
            tr__sort(r, item, n, tr__flag(r, c, 0), 1) || values(r, item, n, &of))
            return r->err->code;
        left = from - 1;
    } while (left > 0);
    *out = of;
    return 0;
}

static int distinct(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    struct tr__sorted *item;
    size_t n, used = 0;
    const struct tr__call *c = g->call;
    if (keyed(r, &c->self, &c->arg[1], tr__flag(r, c, 0), &item, &n))
        return r->err->code;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        int same = 0;
        if (item[i].key.kind == TR__LIST || item[i].key.kind == TR__DICT)
            return tr__raise(r, "unique of %s", tr__type(r, &item[i].key)->name);
        while (k < used && (same = tr__equal(r, &item[k].key, &item[i].key)) == 0)
            k++;
        if (same < 0 || tr__steps(r, k / 4))
            return r->err->code;
        if (k == used)
            item[used++] = item[i];
    }
    return values(r, item, used, list);
}

int tr__filter_unique(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, distinct, out);
}

static int best(struct tr__run *r, const struct tr__call *c, int wanted,
                struct tr__val *out)
{
    struct tr__sorted *item;
    size_t n, k = 0;
    int order;
    if (keyed(r, &c->self, &c->arg[1], tr__flag(r, c, 0), &item, &n))
        return r->err->code;
    for (size_t i = 1; i < n; i++) {
        if (tr__compare(r, &item[i].key, &item[k].key, &order))
            return r->err->code;
        k = order == wanted ? i : k;
    }
    *out = n ? item[k].value : tr__undefined(NULL, "best of nothing", 15);
    return 0;
}

int tr__filter_min(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return best(r, c, -1, out);
}

int tr__filter_max(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return best(r, c, 1, out);
}

/* (key, value) pairs, ordered by one of them. */
int tr__filter_dictsort(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val pairs = c->self, by = tr__int(0);
    struct tr__sorted *item;
    size_t n;
    if (c->self.kind != TR__DICT)
        return c->self.kind == TR__UNDEFINED
                   ? tr__raise_undefined(r, &c->self)
                   : tr__raise(r, "dictsort of %s", tr__type(r, &c->self)->name);
    if (tr__given(c, 1) && tr__is_str(&c->arg[1]) && c->arg[1].n == 5 &&
        memcmp(c->arg[1].as.s, "value", 5) == 0)
        by = tr__int(1);
    else if (tr__given(c, 1) && !(tr__is_str(&c->arg[1]) && c->arg[1].n == 3 &&
                                  memcmp(c->arg[1].as.s, "key", 3) == 0))
        return tr__raise(r, "dictsort is by 'key' or by 'value'");
    pairs.kind = TR__ITEMS;
    if (keyed(r, &pairs, &by, tr__flag(r, c, 0), &item, &n) ||
        tr__sort(r, item, n, tr__flag(r, c, 2), 0))
        return r->err->code;
    return values(r, item, n, out);
}
