/* SPDX-License-Identifier: MIT
 *
 * Products with a thin matrix, one with few rows or few columns: the two of a LoRA pair
 * (Hu et al. 2021) and their gradients.  They read each number of the large matrix once
 * for 2 r floating-point operations, so they are a matter of passes over memory; a product
 * made for large matrices spends most of its time packing them.
 *
 * Threads own the elements that they write and sum in fixed order: the result does not
 * depend on their number.
 */
#include <libtrain/matmul/products.h>
#include <libtrain/matmul/tile.h>
#include <libtrain/base/vec.h>

#include <string.h>

/* ---- kernels: a is (r, long), contiguous -------------------------------------------- */

/* A block of dot products, as many as a vector has lanes. */
enum { VEC = TR__VEC, THIN = 4, ROWS = VEC / THIN };

/* One step of the reduction of VEC vectors to the vector of their sums: of a and b, lanes
 * whose number has bit `apart` clear hold sums of a, the others of b. */
TR__INLINE tr__vec fold(tr__vec a, tr__vec b, const int apart)
{
    tr__ivec own, other;
    TR__EACH(l, VEC) {
        own[l] = l & apart ? VEC + l : l;
        other[l] = l & apart ? VEC + (l ^ apart) : l ^ apart;
    }
    return tr__shuffle(a, b, own) + tr__shuffle(a, b, other);
}

/* Lane i of the result is the sum of the lanes of sum[i]. */
TR__INLINE tr__vec reduce(tr__vec sum[VEC])
{
    TR__EACH(i, VEC / 2)
        sum[i] = fold(sum[2 * i], sum[2 * i + 1], 1);
    TR__EACH(i, VEC / 4)
        sum[i] = fold(sum[2 * i], sum[2 * i + 1], 2);
#if defined(__AVX2__)
    TR__EACH(i, VEC / 8)
        sum[i] = fold(sum[2 * i], sum[2 * i + 1], 4);
#endif
#if defined(__AVX512F__)
    sum[0] = fold(sum[0], sum[1], 8);
#endif
    return sum[0];
}

TR__INLINE tr__vec load_some(const float *p, int64_t n)
{
    tr__vec v = { 0 };
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}

/* out[i * THIN + j] = x_i a_j */
static void dot_block(int64_t k_end, const float *const x[ROWS], const float *const a[THIN],
                      float out[VEC])
{
    tr__vec sum[VEC];
    int64_t k = 0;
    TR__EACH(i, VEC)
        sum[i] = (tr__vec){ 0 };
    for (; k + VEC <= k_end; k += VEC)
        TR__EACH(i, ROWS)
            TR__EACH(j, THIN)
                sum[i * THIN + j] += tr__load(x[i] + k) * tr__load(a[j] + k);
    if (k < k_end)
        TR__EACH(i, ROWS)
            TR__EACH(j, THIN)
                sum[i * THIN + j] +=
                    load_some(x[i] + k, k_end - k) * load_some(a[j] + k, k_end - k);
    tr__vec sums = reduce(sum);
    memcpy(out, &sums, sizeof sums);
}

/* Rows i0 … of x; a block that hangs over the edge takes the last row more than once. */
static void dot_rows(int64_t m, int64_t r, int64_t k, const float *x, int64_t ldx,
                     const float *a, float beta, float *u, int64_t ldu)
{
    for (int64_t j0 = 0; j0 < r; j0 += THIN) {
        const float *xs[ROWS], *as[THIN];
        float out[VEC];
        for (int64_t i = 0; i < ROWS; i++)
            xs[i] = x + tr__least(i, m - 1) * ldx;
        for (int64_t j = 0; j < THIN; j++)
            as[j] = a + tr__least(j0 + j, r - 1) * k;
        dot_block(k, xs, as, out);
        for (int64_t i = 0; i < tr__least(ROWS, m); i++)
            for (int64_t j = 0; j < tr__least(THIN, r - j0); j++) {
                float *to = u + i * ldu + j0 + j;
                *to = out[i * THIN + j] + (beta == 0 ? 0 : beta * *to);
            }
    }
}

/* u (m, r) = x (m, k) a (r, k)^T + beta * u */
static void thin_dot(int64_t m, int64_t r, int64_t k, const float *x, int64_t ldx,
                     const float *a, float beta, float *u, int64_t ldu)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i += ROWS)
        dot_rows(m - i, r, k, x + i * ldx, ldx, a, beta, u + i * ldu, ldu);
}

/* Rows or columns that a thread takes at once. */
enum { PIECE = 64 };

/* y (m, n) = u (m, r) a (r, n) + beta * y */
static void thin_expand(int64_t m, int64_t r, int64_t n, const float *u, int64_t ldu,
                        const float *a, float beta, float *y, int64_t ldy)
{
    float keep[PIECE];
    for (int i = 0; i < PIECE; i++)
        keep[i] = beta;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i += PIECE)
        tr__tile_product(tr__least(PIECE, m - i), n, r,
                         (struct tr__tile){ u + i * ldu, ldu, 1 }, a, n, y + i * ldy, ldy,
                         beta == 0 ? NULL : keep);
}

/* d (r, n) = u (m, r)^T x (m, n) */
static void thin_outer(int64_t m, int64_t r, int64_t n, const float *u, int64_t ldu,
                       const float *x, int64_t ldx, float *d)
{
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < n; j += PIECE)
        tr__tile_product(r, tr__least(PIECE, n - j), m, (struct tr__tile){ u, 1, ldu }, x + j,
                         ldx, d + j, n, NULL);
}

/* ---- products ------------------------------------------------------------------------ */

static int is_tall(const struct tr__matrix *w)
{
    return w->rows > w->cols;
}

/* alpha * w as (r, long) */
static const float *lying(const struct tr__matrix *w, float alpha, float *buf)
{
    int64_t n = w->rows, k = w->cols;
    const float *from = w->data;
    if (!is_tall(w) && alpha == 1)
        return from;
    if (!is_tall(w))
        for (int64_t i = 0; i < n * k; i++)
            buf[i] = alpha * from[i];
    else
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < k; j++)
                buf[j * n + i] = alpha * from[i * k + j];
    return buf;
}

/* w->grad = alpha * d + beta * w->grad, where d is (r, long) */
static void add_lying(const struct tr__matrix *w, float alpha, const float *d, float beta)
{
    int64_t n = w->rows, k = w->cols;
    if (beta == 0)
        memset(w->grad, 0, (size_t)(n * k) * sizeof *w->grad);
    if (!is_tall(w))
        for (int64_t i = 0; i < n * k; i++)
            w->grad[i] += alpha * d[i];
    else
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < k; j++)
                w->grad[i * k + j] += alpha * d[j * n + i];
}

static size_t scratch_bytes(int64_t m, const struct tr__matrix *w)
{
    (void)m;
    return (size_t)(w->rows * w->cols) * sizeof(float) + TR_ARENA_ALIGN;
}

static void xwt(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    int64_t n = w->rows, k = w->cols;
    size_t mark = tr_arena_mark(scratch);
    const float *a = lying(w, alpha, tr_arena_alloc(scratch, scratch_bytes(m, w)));
    if (is_tall(w))
        thin_expand(m, k, n, x, ldx, a, beta, y, ldy);
    else
        thin_dot(m, n, k, x, ldx, a, beta, y, ldy);
    tr_arena_rewind(scratch, mark);
}

static void dyw(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                int64_t lddx)
{
    int64_t n = w->rows, k = w->cols;
    size_t mark = tr_arena_mark(scratch);
    const float *a = lying(w, alpha, tr_arena_alloc(scratch, scratch_bytes(m, w)));
    if (is_tall(w))
        thin_dot(m, k, n, dy, lddy, a, beta, dx, lddx);
    else
        thin_expand(m, n, k, dy, lddy, a, beta, dx, lddx);
    tr_arena_rewind(scratch, mark);
}

static void dytx(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                 int64_t lddy, const float *x, int64_t ldx, float beta,
                 const struct tr__matrix *w)
{
    int64_t n = w->rows, k = w->cols;
    size_t mark = tr_arena_mark(scratch);
    float *d = tr_arena_alloc(scratch, scratch_bytes(m, w));
    if (is_tall(w))
        thin_outer(m, k, n, x, ldx, dy, lddy, d);
    else
        thin_outer(m, n, k, dy, lddy, x, ldx, d);
    add_lying(w, alpha, d, beta);
    tr_arena_rewind(scratch, mark);
}

const struct tr__products tr__products_thin = { xwt, dyw, dytx, scratch_bytes, NULL, 0 };
