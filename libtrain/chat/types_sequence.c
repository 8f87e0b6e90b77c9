/* SPDX-License-Identifier: MIT
 *
 * Lists, tuples and ranges.  Next: types_dict.c.
 */
#include <libtrain/chat/sequence.h>
#include <libtrain/chat/text.h>

#include <inttypes.h>
#include <stdio.h>

static int not_empty(const struct tr__val *v)
{
    return v->n > 0;
}

static int next_item(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    (void)r;
    if (it->at >= it->of.n)
        return 0;
    *out = it->of.as.item[it->at++];
    return 1;
}

static int equal_items(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int same = a->n == b->n;
    if (tr__steps(r, a->n / 4))
        return TR_EFORMAT;
    for (size_t i = 0; same == 1 && i < a->n; i++)
        same = tr__equal(r, &a->as.item[i], &b->as.item[i]);
    return same;
}

static int in_reach(const struct tr__val *v, const struct tr__val *key, int64_t *i)
{
    if (!tr__integer(key, i))
        return 0;
    if (*i < 0)
        *i += (int64_t)v->n;
    return *i >= 0 && *i < (int64_t)v->n;
}

static int list_item(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                     struct tr__val *out)
{
    int64_t i;
    (void)r;
    if (!in_reach(v, key, &i))
        return 0;
    *out = v->as.item[i];
    return 1;
}

static void print_items(struct tr__build *b, const struct tr__val *v, const char *ends,
                        const char *lone)
{
    tr__put(b, ends, 1, 0);
    for (size_t i = 0; i < v->n && !b->failed; i++) {
        if (i > 0)
            tr__put(b, ", ", 2, 0);
        tr__put_repr(b, &v->as.item[i]);
    }
    if (v->n == 1)
        tr__put_ours(b, lone);
    tr__put(b, ends + 1, 1, 0);
}

static void print_list(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    print_items(b, v, "[]", "");
}

static void print_tuple(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    print_items(b, v, "()", ",");
}

int64_t tr__range_at(const struct tr__val *v, size_t i)
{
    const struct tr__range *range = v->as.any;
    return range->start + (int64_t)i * range->step;
}

static int next_number(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    (void)r;
    if (it->at >= it->of.n)
        return 0;
    *out = tr__int(tr__range_at(&it->of, it->at++));
    return 1;
}

static int range_item(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                      struct tr__val *out)
{
    int64_t i;
    (void)r;
    if (!in_reach(v, key, &i))
        return 0;
    *out = tr__int(tr__range_at(v, (size_t)i));
    return 1;
}

static int equal_ranges(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    (void)r;
    return a->n == b->n && (a->n == 0 || tr__range_at(a, 0) == tr__range_at(b, 0)) &&
           (a->n < 2 || tr__range_at(a, 1) == tr__range_at(b, 1));
}

static void print_range(struct tr__build *b, const struct tr__val *v, int repr)
{
    const struct tr__range *range = v->as.any;
    char text[96], step[32] = "";
    (void)repr;
    if (range->step != 1)
        snprintf(step, sizeof step, ", %" PRId64, range->step);
    snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64 "%s)", range->start,
             range->stop, step);
    tr__put_ours(b, text);
}

const struct tr__type tr__type_list = {
    .name = "a list", .methods = "list", .sized = 1, .sequence = 1, .truth = not_empty,
    .equal = equal_items, .next = next_item, .item = list_item, .print = print_list
};
const struct tr__type tr__type_tuple = {
    .name = "a tuple", .methods = "tuple", .sized = 1, .sequence = 1, .truth = not_empty,
    .equal = equal_items, .next = next_item, .item = list_item, .print = print_tuple
};
const struct tr__type tr__type_range = {
    .name = "a range", .methods = "range", .sized = 1, .sequence = 1, .truth = not_empty,
    .equal = equal_ranges, .next = next_number, .item = range_item, .print = print_range
};
