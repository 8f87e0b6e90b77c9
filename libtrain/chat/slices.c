/* SPDX-License-Identifier: MIT
 *
 * v[start:stop:step] of strings, lists, tuples and ranges.  Strings count code points; a
 * slice with step 1 shares the bytes.  Next: invoke.c.
 */
#include <libtrain/chat/sequence.h>
#include <libtrain/chat/text.h>

struct part { int64_t start, stop, step; size_t n; }; /* n items */

static int bound(struct tr__run *r, const struct tr__val *v, int64_t none, int64_t *i)
{
    *i = none;
    if (tr__absent(v) || tr__integer(v, i))
        return 0;
    return tr__raise(r, "a slice with %s", tr__type(r, v)->name);
}

static int64_t clip(int64_t i, int64_t n, int64_t low, int64_t high)
{
    if (i < 0)
        i = i < -n ? low : i + n;
    return i < low ? low : i > high ? high : i;
}

/* As Python's slice.indices(n). */
static int indices(struct tr__run *r, const struct tr__val *start,
                   const struct tr__val *stop,
                   const struct tr__val *step, size_t count, struct part *p)
{
    int64_t n = (int64_t)count;
    if (bound(r, step, 1, &p->step))
        return r->err->code;
    if (p->step == 0)
        return tr__raise(r, "a slice with step 0");
    int64_t low = p->step > 0 ? 0 : -1, high = p->step > 0 ? n : n - 1;
    if (bound(r, start, INT64_MIN, &p->start) || bound(r, stop, INT64_MIN, &p->stop))
        return r->err->code;
    p->start = tr__absent(start)
                   ? (p->step > 0 ? low : high) : clip(p->start, n, low, high);
    p->stop = tr__absent(stop)
                  ? (p->step > 0 ? high : low) : clip(p->stop, n, low, high);
    uint64_t stride = p->step > 0 ? (uint64_t)p->step : -(uint64_t)p->step;
    int64_t span = p->step > 0 ? p->stop - p->start : p->start - p->stop;
    p->n = span > 0 ? (size_t)(((uint64_t)span - 1) / stride + 1) : 0;
    return 0;
}

static int slice_string(struct tr__run *r, const struct tr__val *s, const struct part *p,
                        struct tr__val *out)
{
    struct tr__build b;
    const char *bytes = s->as.s;
    size_t n = s->n, from, to, len;
    int plain = tr__char_count(bytes, n) == n;
    if (p->step == 1 || p->n <= 1) {
        from = p->n ? tr__char_offset(bytes, n, (size_t)p->start) : 0;
        to = p->n ? from + tr__char_offset(bytes + from, n - from, p->n) : 0;
        return tr__part(r, s, from, to, out);
    }
    if (!plain && p->step != -1)
        return tr__raise(r,
                         "a slice with a step of text outside of ASCII is not supported");
    tr__build_begin(&b, r);
    if (tr__steps(r, p->n / 4))
        return r->err->code;
    to = plain ? (size_t)p->start : tr__char_offset(bytes, n, (size_t)p->start + 1);
    for (size_t i = 0; i < p->n && !b.failed; i++) {
        if (plain) {
            tr__put_part(&b, s, to, to + 1);
            to += (size_t)p->step;
        } else { /* backwards */
            tr__char_before(bytes, to, &len);
            tr__put_part(&b, s, to - len, to);
            to -= len;
        }
    }
    if (tr__build_done(&b, out))
        return r->err->code;
    out->safe = s->safe;
    return 0;
}

static int slice_list(struct tr__run *r, const struct tr__val *v, const struct part *p,
                      struct tr__val *out)
{
    struct tr__val *item = NULL;
    const struct tr__val *from = v->as.item;
    if (p->step == 1)
        return tr__list(r, v->kind, p->n ? from + p->start : from, p->n, out);
    if (!(item = tr__alloc(r, p->n, sizeof *item)) || tr__steps(r, p->n / 8))
        return r->err->code;
    for (size_t i = 0; i < p->n; i++)
        item[i] = from[p->start + (int64_t)i * p->step];
    return tr__list(r, v->kind, item, p->n, out);
}

static int slice_range(struct tr__run *r, const struct tr__val *v, const struct part *p,
                       struct tr__val *out)
{
    const struct tr__range *old = v->as.any;
    struct tr__range range = { old->start + p->start * old->step,
                               old->start + p->stop * old->step, 0 };
    if (__builtin_mul_overflow(old->step, p->step, &range.step))
        return tr__raise(r, "an integer beyond 64 bits");
    return tr__range(r, &range, 0, out);
}

int tr__range(struct tr__run *r, const struct tr__range *range, size_t most,
              struct tr__val *out)
{
    struct tr__range *copy;
    uint64_t n = 0, step = (uint64_t)range->step;
    if (range->step == 0)
        return tr__raise(r, "a range with step 0");
    if (range->step > 0 && range->stop > range->start)
        n = ((uint64_t)range->stop - (uint64_t)range->start - 1) / step + 1;
    if (range->step < 0 && range->stop < range->start)
        n = ((uint64_t)range->start - (uint64_t)range->stop - 1) / -step + 1;
    if (most && n > most)
        return tr__raise(r, "a range of more than %zu numbers", most);
    if (!(copy = tr__alloc(r, 1, sizeof *copy)))
        return r->err->code;
    *copy = *range;
    *out = (struct tr__val){ .kind = TR__RANGE, .n = (size_t)n, .as.any = copy };
    return 0;
}

int tr__slice(struct tr__run *r, const struct tr__val *v, const struct tr__val *start,
              const struct tr__val *stop, const struct tr__val *step, struct tr__val *out)
{
    struct part p;
    size_t n = v->n;
    if (v->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, v);
    if (tr__is_str(v)) {
        n = tr__char_count(v->as.s, v->n);
        if (tr__steps(r, v->n / 32))
            return r->err->code;
    } else if (v->kind != TR__LIST && v->kind != TR__TUPLE && v->kind != TR__RANGE)
        return tr__raise(r, "%s has no slices", tr__type(r, v)->name);
    if (indices(r, start, stop, step, n, &p))
        return r->err->code;
    if (tr__is_str(v))
        return slice_string(r, v, &p, out);
    return v->kind == TR__RANGE ? slice_range(r, v, &p, out) : slice_list(r, v, &p, out);
}
