/* SPDX-License-Identifier: MIT
 *
 * Dicts, and the views of them that keys(), values() and items() give.  A dict is an array
 * of pairs in their order: those of templates are short.  Next: types_state.c.
 */
#include <libtrain/chat/text.h>

static int not_empty(const struct tr__val *v)
{
    return v->n > 0;
}

static int next_key(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    (void)r;
    if (it->at >= it->of.n)
        return 0;
    *out = it->of.as.pair[it->at++].key;
    return 1;
}

static int next_value(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    (void)r;
    if (it->at >= it->of.n)
        return 0;
    *out = it->of.as.pair[it->at++].value;
    return 1;
}

static int next_pair(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    struct tr__val *two;
    if (it->at >= it->of.n)
        return 0;
    if (!(two = tr__alloc(r, 2, sizeof *two)))
        return r->err->code;
    two[0] = it->of.as.pair[it->at].key;
    two[1] = it->of.as.pair[it->at++].value;
    return tr__list(r, TR__TUPLE, two, 2, out) ? r->err->code : 1;
}

static int find(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                struct tr__val *out)
{
    int same = 0;
    if (tr__steps(r, v->n / 16 + (tr__is_str(key) ? v->n * (key->n / 512) : 0)))
        return TR_EFORMAT;
    if (tr__is_str(key))
        return tr__lookup(v, key->as.s, key->n, out);
    for (size_t i = 0; !same && i < v->n; i++)
        if ((same = tr__equal(r, &v->as.pair[i].key, key)) == 1)
            *out = v->as.pair[i].value;
    return same;
}

static int equal_dicts(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    struct tr__val other;
    int same = a->n == b->n;
    for (size_t i = 0; same == 1 && i < a->n; i++) {
        same = find(r, b, &a->as.pair[i].key, &other);
        if (same == 1)
            same = tr__equal(r, &a->as.pair[i].value, &other);
    }
    return same;
}

static void print_dict(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    tr__put_ours(b, "{");
    for (size_t i = 0; i < v->n && !b->failed; i++) {
        if (i > 0)
            tr__put_ours(b, ", ");
        tr__put_repr(b, &v->as.pair[i].key);
        tr__put_ours(b, ": ");
        tr__put_repr(b, &v->as.pair[i].value);
    }
    tr__put_ours(b, "}");
}

static void print_view(struct tr__build *b, const struct tr__val *v, const char *name)
{
    struct tr__val list;
    tr__put_ours(b, name);
    tr__put_ours(b, "(");
    if (!b->failed && tr__items(b->r, v, &list))
        tr__build_fail(b, b->r->err->code);
    if (!b->failed)
        tr__put_repr(b, &list);
    tr__put_ours(b, ")");
}

static void print_keys(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    print_view(b, v, "dict_keys");
}

static void print_values(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    print_view(b, v, "dict_values");
}

static void print_pairs(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    print_view(b, v, "dict_items");
}

const struct tr__type tr__type_dict = {
    .name = "a dict", .methods = "dict", .sized = 1, .sequence = 1, .mapping = 1,
    .truth = not_empty, .equal = equal_dicts, .next = next_key, .item = find,
    .print = print_dict
};
const struct tr__type tr__type_keys = {
    .name = "a dict_keys", .sized = 1, .truth = not_empty, .next = next_key,
    .print = print_keys
};
const struct tr__type tr__type_values = {
    .name = "a dict_values", .sized = 1, .truth = not_empty, .next = next_value,
    .print = print_values
};
const struct tr__type tr__type_items = {
    .name = "a dict_items", .sized = 1, .truth = not_empty, .next = next_pair,
    .print = print_pairs
};
