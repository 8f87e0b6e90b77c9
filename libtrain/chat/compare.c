/* SPDX-License-Identifier: MIT
 *
 * ==, < and `in`, as Python has them: numbers of any type are equal by value, strings are
 * ordered by code points (which is the order of their bytes), lists item by item, and what
 * has no order is an error.  Next: types_plain.c.
 */
#include <libtrain/chat/text.h>

#include <string.h>

int tr__number(const struct tr__val *v, double *x)
{
    if (v->kind == TR__FLOAT)
        *x = v->as.x;
    else if (v->kind == TR__INT || v->kind == TR__BOOL)
        *x = (double)v->as.i;
    else
        return 0;
    return 1;
}

int tr__integer(const struct tr__val *v, int64_t *i)
{
    if (v->kind != TR__INT && v->kind != TR__BOOL)
        return 0;
    *i = v->as.i;
    return 1;
}

static int compare_strings(const struct tr__val *a, const struct tr__val *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int c = n ? memcmp(a->as.s, b->as.s, n) : 0;
    return c ? (c > 0) - (c < 0) : (a->n > b->n) - (a->n < b->n);
}

static int equal_strings(struct tr__run *r, const struct tr__val *a,
                         const struct tr__val *b)
{
    if (a->n != b->n)
        return 0;
    if (a->n >= 256 && tr__steps(r, a->n / 256))
        return TR_EFORMAT;
    return a->n == 0 || memcmp(a->as.s, b->as.s, a->n) == 0;
}

int tr__equal(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    int64_t i, k;
    double x, y;
    const struct tr__type *type = tr__type(r, a);
    if (tr__is_str(a) && tr__is_str(b))
        return equal_strings(r, a, b);
    if (tr__integer(a, &i) && tr__integer(b, &k))
        return i == k;
    if (tr__number(a, &x) && tr__number(b, &y))
        return x == y;
    if (a->kind != b->kind)
        return 0;
    if (tr__steps(r, 1))
        return TR_EFORMAT;
    return type->equal ? type->equal(r, a, b) : a->as.any == b->as.any &&
        a->more == b->more;
}

static int compare_items(struct tr__run *r, const struct tr__val *a,
                         const struct tr__val *b,
                         int *order)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        int same = tr__equal(r, &a->as.item[i], &b->as.item[i]);
        if (same <= 0)
            return same ? same : tr__compare(r, &a->as.item[i], &b->as.item[i], order);
    }
    *order = (a->n > b->n) - (a->n < b->n);
    return 0;
}

int tr__compare(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                int *order)
{
    double x, y;
    int64_t i, k;
    if (a->kind == TR__UNDEFINED || b->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, a->kind == TR__UNDEFINED ? a : b);
    if (tr__is_str(a) && tr__is_str(b))
        *order = compare_strings(a, b);
    else if (tr__integer(a, &i) && tr__integer(b, &k))
        *order = (i > k) - (i < k);
    else if (tr__number(a, &x) && tr__number(b, &y))
        *order = x != x || y != y ? 2 : (x > y) - (x < y);
    else if (a->kind == b->kind && (a->kind == TR__LIST || a->kind == TR__TUPLE))
        return compare_items(r, a, b, order);
    else
        return tr__raise(r, "%s and %s have no order", tr__type(r, a)->name,
                         tr__type(r, b)->name);
    return tr__steps(r, 1 + (tr__is_str(a) ? a->n / 512 : 0));
}

static int in_string(struct tr__run *r, const struct tr__val *s, const struct tr__val *x)
{
    if (!tr__is_str(x))
        return tr__raise(r, "only a string can be in a string, not %s",
                         tr__type(r, x)->name);
    if (tr__steps(r, s->n / 32 + x->n / 16))
        return TR_EFORMAT;
    return tr__find(s, 0, x) != SIZE_MAX;
}

static int unhashable(const struct tr__val *x)
{
    return x->kind == TR__LIST || x->kind == TR__DICT;
}

int tr__contains(struct tr__run *r, const struct tr__val *v, const struct tr__val *x)
{
    struct tr__iter it = { *v, 0 };
    struct tr__val item;
    int rc;
    if (tr__is_str(v))
        return in_string(r, v, x);
    if (v->kind == TR__DICT && unhashable(x))
        return tr__raise(r, "%s cannot be a key", tr__type(r, x)->name);
    if (tr__iterable(r, v))
        return r->err->code;
    while ((rc = tr__next(r, &it, &item)) > 0)
        if ((rc = tr__equal(r, &item, x)))
            return rc;
    return rc;
}
