/* SPDX-License-Identifier: MIT
 *
 * + - * / // % ** ~ as Python has them: division rounds down, strings and lists are joined
 * and repeated, and what does not go together is an error.  Integers that leave 64 bits
 * are refused, where Python goes on.  Next: eval_access.c.
 */
#include <libtrain/chat/format.h>
#include <libtrain/chat/text.h>
#include <libtrain/chat/tree.h>

#include <math.h>
#include <string.h>

static int too_big(struct tr__run *r)
{
    return tr__raise(r, "an integer beyond 64 bits");
}

/* Two integers, or failing that two doubles: 2, 1, or 0. */
static int numbers(const struct tr__val *a, const struct tr__val *b, int64_t *i, int64_t *k,
                   double *x, double *y)
{
    if (tr__integer(a, i) && tr__integer(b, k))
        return 2;
    return tr__number(a, x) && tr__number(b, y);
}

static int refuse(struct tr__run *r, const char *sign, const struct tr__val *a,
                  const struct tr__val *b)
{
    if (a->kind == TR__UNDEFINED || b->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, a->kind == TR__UNDEFINED ? a : b);
    if (a->kind == TR__BIG || b->kind == TR__BIG)
        return too_big(r);
    return tr__raise(r, "'%s' of %s and %s", sign, tr__type(r, a)->name,
                     tr__type(r, b)->name);
}

/* a's items and b's, times over. */
static int join_lists(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                      size_t times, struct tr__val *out)
{
    size_t n = a->n + b->n;
    if (times && n > TR_CHAT_MAX_MEMORY / times)
        return tr__too_large(r);
    struct tr__val *item = tr__alloc(r, n * times, sizeof *item);
    if (!item || tr__steps(r, n * times / 8))
        return r->err->code;
    for (size_t i = 0; i < times; i++) {
        if (a->n)
            memcpy(item + i * n, a->as.item, a->n * sizeof *item);
        if (b->n)
            memcpy(item + i * n + a->n, b->as.item, b->n * sizeof *item);
    }
    return tr__list(r, a->kind, item, n * times, out);
}

static int add(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
               struct tr__val *out)
{
    int64_t i, k;
    double x, y;
    if (tr__is_str(a) && tr__is_str(b))
        return tr__concat(r, a, b, out);
    if (a->kind == b->kind && (a->kind == TR__LIST || a->kind == TR__TUPLE))
        return join_lists(r, a, b, 1, out);
    int what = numbers(a, b, &i, &k, &x, &y);
    if (what == 2) {
        if (__builtin_add_overflow(i, k, &i))
            return too_big(r);
        *out = tr__int(i);
    } else if (what == 1)
        *out = tr__float(x + y);
    else
        return refuse(r, "+", a, b);
    return 0;
}

static int subtract(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                    struct tr__val *out)
{
    int64_t i, k;
    double x, y;
    int what = numbers(a, b, &i, &k, &x, &y);
    if (what == 0)
        return refuse(r, "-", a, b);
    if (what == 1)
        *out = tr__float(x - y);
    else if (__builtin_sub_overflow(i, k, &i))
        return too_big(r);
    else
        *out = tr__int(i);
    return 0;
}

static int repeat(struct tr__run *r, const struct tr__val *s, int64_t times,
                  struct tr__val *out)
{
    struct tr__build b;
    struct tr__val empty = { 0 };
    times = times < 0 ? 0 : times;
    if (s->kind != TR__STR)
        return join_lists(r, s, &empty, (size_t)times, out);
    if (times && s->n > TR_CHAT_MAX_MEMORY / (size_t)times)
        return tr__too_large(r);
    if (tr__steps(r, s->n ? (uint64_t)times / 2 : 0))
        return r->err->code;
    tr__build_begin(&b, r);
    for (int64_t i = 0; s->n && i < times && !b.failed; i++)
        tr__put_str(&b, s);
    if (tr__build_done(&b, out))
        return r->err->code;
    out->safe = s->safe;
    return 0;
}

static int is_list(const struct tr__val *v)
{
    return v->kind == TR__STR || v->kind == TR__LIST || v->kind == TR__TUPLE;
}

static int multiply(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                    struct tr__val *out)
{
    int64_t i, k;
    double x, y;
    if (is_list(a) && tr__integer(b, &k))
        return repeat(r, a, k, out);
    if (is_list(b) && tr__integer(a, &i))
        return repeat(r, b, i, out);
    int what = numbers(a, b, &i, &k, &x, &y);
    if (what == 0)
        return refuse(r, "*", a, b);
    if (what == 1)
        *out = tr__float(x * y);
    else if (__builtin_mul_overflow(i, k, &i))
        return too_big(r);
    else
        *out = tr__int(i);
    return 0;
}

static int divide(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                  struct tr__val *out)
{
    double x, y;
    if (!tr__number(a, &x) || !tr__number(b, &y))
        return refuse(r, "/", a, b);
    if (y == 0)
        return tr__raise(r, "division by zero");
    *out = tr__float(x / y);
    return 0;
}

static int floor_divide(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                        struct tr__val *out)
{
    int64_t i, k;
    double x, y;
    int what = numbers(a, b, &i, &k, &x, &y);
    if (what == 0)
        return refuse(r, "//", a, b);
    if (what == 2 ? k == 0 : y == 0)
        return tr__raise(r, "division by zero");
    if (what == 1)
        *out = tr__float(floor(x / y));
    else if (k == -1 && i == INT64_MIN)
        return too_big(r);
    else
        *out = tr__int(i / k - (i % k != 0 && (i < 0) != (k < 0)));
    return 0;
}

/* The remainder has the sign of the divisor; of a string it is printf. */
static int modulo(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                  struct tr__val *out)
{
    int64_t i, k;
    double x, y;
    if (tr__is_str(a))
        return tr__format_percent(r, a, b, out);
    int what = numbers(a, b, &i, &k, &x, &y);
    if (what == 0)
        return refuse(r, "%", a, b);
    if (what == 2 ? k == 0 : y == 0)
        return tr__raise(r, "division by zero");
    if (what == 1) {
        x = fmod(x, y);
        *out = tr__float(x != 0 && (x < 0) != (y < 0) ? x + y : x);
    } else {
        i = k == -1 ? 0 : i % k;
        *out = tr__int(i != 0 && (i < 0) != (k < 0) ? i + k : i);
    }
    return 0;
}

static int power(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                 struct tr__val *out)
{
    int64_t i, k, y = 1;
    double x, e;
    int what = numbers(a, b, &i, &k, &x, &e);
    if (what == 0)
        return refuse(r, "**", a, b);
    if (what == 1 || k < 0) {
        x = what == 1 ? x : (double)i;
        e = what == 1 ? e : (double)k;
        if ((x == 0 && e < 0) || (x < 0 && e != floor(e)) || isinf(pow(x, e)))
            return tr__raise(r, "a power that is no number");
        *out = tr__float(pow(x, e));
        return 0;
    }
    if (i == 0 || i == 1 || i == -1) {
        *out = tr__int(k == 0 ? 1 : i == -1 && k % 2 == 0 ? 1 : i);
        return 0;
    }
    for (; k > 0; k--)
        if (__builtin_mul_overflow(y, i, &y))
            return too_big(r);
    *out = tr__int(y);
    return 0;
}

static int negate(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                  struct tr__val *out)
{
    (void)b;
    if (a->kind == TR__FLOAT) {
        *out = tr__float(-a->as.x);
        return 0;
    }
    return subtract(r, &(struct tr__val){ .kind = TR__INT }, a, out);
}

static int plus(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                struct tr__val *out)
{
    (void)b;
    return add(r, a, &(struct tr__val){ .kind = TR__INT }, out);
}

int tr__eval_binary(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                    struct tr__val *out)
{
    struct tr__val a, b;
    if (tr__evaluate(r, f, n->a, &a) || tr__evaluate(r, f, n->b, &b))
        return r->err->code;
    r->line = n->line;
    return n->op->apply(r, &a, &b, out);
}

int tr__eval_unary(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                   struct tr__val *out)
{
    struct tr__val a;
    if (tr__evaluate(r, f, n->a, &a))
        return r->err->code;
    r->line = n->line;
    return n->op->apply(r, &a, NULL, out);
}

int tr__eval_concat(struct tr__run *r, struct tr__frame *f, const struct tr__node *n,
                    struct tr__val *out)
{
    struct tr__val a, b, s;
    if (tr__evaluate(r, f, n->a, &a) || tr__evaluate(r, f, n->b, &b))
        return r->err->code;
    r->line = n->line;
    if (tr__to_str(r, &a, &a) || tr__to_str(r, &b, &b))
        return r->err->code;
    a.safe = b.safe = 0;
    if (tr__concat(r, &a, &b, &s))
        return r->err->code;
    *out = s;
    return 0;
}

const struct tr__operator tr__operator_add = { "+", add };
const struct tr__operator tr__operator_subtract = { "-", subtract };
const struct tr__operator tr__operator_multiply = { "*", multiply };
const struct tr__operator tr__operator_divide = { "/", divide };
const struct tr__operator tr__operator_floor = { "//", floor_divide };
const struct tr__operator tr__operator_modulo = { "%", modulo };
const struct tr__operator tr__operator_power = { "**", power };
const struct tr__operator tr__operator_negate = { "-", negate };
const struct tr__operator tr__operator_plus = { "+", plus };
