/* SPDX-License-Identifier: MIT
 *
 * How much of what a merge changes outlives packing.  A type of four bits may round a weight
 * and the same weight with an adapter's part to one and the same code.  Norms alone do not
 * tell: rounding moves weights further than many an adapter does.  So what was written less
 * the base is projected on what should have been added.  Where rounding is the larger, other
 * types are tried on a few rows, to tell which would do.  Next: merge.c.
 */
#include <libtrain/edit/merge_change.h>

#include <math.h>

/* PIECE: numbers, a multiple of every block, that are unpacked at a time.  Sums are those
 * of PARTS ranges of them, whatever threads there are.  SAMPLE: numbers, about, that are
 * tried in other types. */
enum { PIECE = 1 << 11, PARTS = 64, SAMPLE = 1 << 12 };

const struct tr_dtype *tr_merge_type(int i)
{
    static const char *const name[TR_MERGE_N_TYPE] = {
        "Q4_K", "Q5_K", "Q6_K", "Q8_0", "BF16", "F16", "F32"
    };
    return i < TR_MERGE_N_TYPE ? tr_dtype_by_name(name[i]) : NULL;
}

static struct tr_merge_change add(struct tr_merge_change a, struct tr_merge_change b)
{
    a.change += b.change;
    a.kept += b.kept;
    a.lost += b.lost;
    return a;
}

static struct tr_merge_change of_piece(const struct tr__changed *x, int64_t at, int64_t n)
{
    _Alignas(64) float back[PIECE];
    struct tr_merge_change c = { 0 };
    const struct tr_dtype *t = x->type;
    t->to_f32((const char *)x->packed + at / t->block * t->bytes, back, n);
    double change = 0, lost = 0, along = 0;
#pragma omp simd reduction(+ : change, lost, along)
    for (int64_t i = 0; i < n; i++) {
        double d = (double)x->change[at + i], e = (double)back[i] - (double)x->sum[at + i];
        change += d * d;
        lost += e * e;
        along += d * e;
    }
    c.change = change;
    c.lost = lost;
    c.kept = change + along;
    return c;
}

static struct tr_merge_change of_range(const struct tr__changed *x, int64_t at, int64_t end)
{
    struct tr_merge_change c = { 0 };
    for (; at < end; at += PIECE)
        c = add(c, of_piece(x, at, end - at < PIECE ? end - at : PIECE));
    return c;
}

/* Squared error of n numbers in a type; `packed` has room for them as f32. */
static double error_in(const struct tr_dtype *type, const float *v, int64_t n, void *packed)
{
    _Alignas(64) float back[PIECE];
    double sum = 0;
    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t some = n - at < PIECE ? n - at : PIECE;
        type->from_f32(v + at, packed, some);
        type->to_f32(packed, back, some);
        for (int64_t i = 0; i < some; i++)
            sum += pow((double)back[i] - (double)v[at + i], 2);
    }
    return sum;
}

/* Some rows of these, evenly spread, in every other type, as if they were all. */
static void try_types(struct tr_merge_change *c, const struct tr__changed *x)
{
    _Alignas(64) char packed[PIECE * sizeof(float)];
    int64_t rows = x->n / x->row, tried = SAMPLE / x->row + 1;
    tried = tried < rows ? tried : rows;
    for (int i = 0; i < TR_MERGE_N_TYPE; i++) {
        const struct tr_dtype *type = tr_merge_type(i);
        double sum = 0;
        if (x->row % type->block)
            sum = HUGE_VAL;
        for (int64_t r = 0; sum < HUGE_VAL && r < tried; r++)
            sum += error_in(type, x->sum + r * rows / tried * x->row, x->row, packed);
        c->in_type[i] += sum * (double)rows / (double)tried;
    }
}

void tr__change_add(struct tr_merge_change *c, const struct tr__changed *x)
{
    struct tr_merge_change part[PARTS], sum = { 0 };
    int64_t each = (x->n / PARTS / PIECE + 1) * PIECE;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < PARTS; i++) {
        int64_t end = (i + 1) * each;
        part[i] = of_range(x, i * each, end < x->n ? end : x->n);
    }
    for (int i = 0; i < PARTS; i++)
        sum = add(sum, part[i]);
    if (sum.change < sum.lost) {
        c->tried += sum.change;
        try_types(c, x);
    }
    *c = add(*c, sum);
}
