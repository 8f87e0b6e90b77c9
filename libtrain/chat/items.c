/* SPDX-License-Identifier: MIT
 *
 * Items of values: going through them, collecting them, making lists and dicts.  What is
 * nested is bounded when it is made, so that nothing that walks through it need count.
 * Next: compare.c.
 */
#include <libtrain/chat/run.h>

#include <string.h>

int tr__iterable(struct tr__run *r, const struct tr__val *v)
{
    if (tr__type(r, v)->next)
        return 0;
    return tr__raise(r, "%s has no items to go through", tr__type(r, v)->name);
}

int tr__next(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    if (tr__steps(r, 1))
        return TR_EFORMAT;
    return tr__type(r, &it->of)->next(r, it, out);
}

int tr__add(struct tr__run *r, struct tr__growing *list, const struct tr__val *v)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 8;
        struct tr__val *more = tr__alloc(r, cap, sizeof *more);
        if (!more)
            return r->err->code;
        if (list->n)
            memcpy(more, list->item, list->n * sizeof *more);
        list->item = more;
        list->cap = cap;
    }
    list->item[list->n++] = *v;
    return 0;
}

int tr__items(struct tr__run *r, const struct tr__val *v, struct tr__val *list)
{
    struct tr__growing all = { 0 };
    struct tr__iter it = { *v, 0 };
    struct tr__val item;
    int rc;
    if (v->kind == TR__LIST || v->kind == TR__TUPLE) {
        *list = *v;
        list->kind = TR__LIST;
        return 0;
    }
    if (tr__iterable(r, v))
        return r->err->code;
    while ((rc = tr__next(r, &it, &item)) > 0)
        if (tr__add(r, &all, &item))
            return r->err->code;
    return rc ? rc : tr__list(r, TR__LIST, all.item, all.n, list);
}

static int deep(struct tr__run *r, struct tr__val *out, unsigned depth)
{
    if (depth > TR__MAX_VALUE_DEPTH)
        return tr__raise(r, "lists and dicts are nested too deep");
    out->depth = (uint16_t)depth;
    return 0;
}

int tr__list(struct tr__run *r, enum tr__kind kind, const struct tr__val *item, size_t n,
             struct tr__val *out)
{
    unsigned depth = 0;
    for (size_t i = 0; i < n; i++)
        depth = item[i].depth > depth ? item[i].depth : depth;
    *out = (struct tr__val){ .kind = (uint8_t)kind, .n = n, .as.item = item };
    return deep(r, out, depth + 1);
}

int tr__dict(struct tr__run *r, const struct tr__pair *pair, size_t n, struct tr__val *out)
{
    unsigned depth = 0;
    for (size_t i = 0; i < n; i++) {
        depth = pair[i].key.depth > depth ? pair[i].key.depth : depth;
        depth = pair[i].value.depth > depth ? pair[i].value.depth : depth;
    }
    *out = (struct tr__val){ .kind = TR__DICT, .n = n, .as.pair = pair };
    return deep(r, out, depth + 1);
}

int tr__lookup(const struct tr__val *dict, const char *key, size_t n, struct tr__val *out)
{
    for (size_t i = 0; i < dict->n; i++) {
        const struct tr__val *k = &dict->as.pair[i].key;
        if (k->n == n && tr__is_str(k) && (n == 0 || memcmp(k->as.s, key, n) == 0)) {
            *out = dict->as.pair[i].value;
            return 1;
        }
    }
    return 0;
}
