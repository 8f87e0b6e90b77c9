/* SPDX-License-Identifier: MIT
 *
 * Products of sixteen-bit floats with sums in f32, by oneDNN.  Both factors are rounded to
 * BF16 in front of a product, weights tile by tile; results, sums and the weights that are
 * trained stay f32.
 */
#include <libtrain/matmul/dnnl.h>
#include <libtrain/quants/quants.h>
#include <libtrain/matmul/products.h>

#include <string.h>

/* 4 MiB of the weight at once. */
enum { TILE = 2 << 20, PIECE = 1024 };

static size_t bytes(int64_t rows, int64_t cols)
{
    return (size_t)(rows * cols) * sizeof(uint16_t);
}

/* Numbers from one row of a tile of dy to the next.  Rows that are apart have oneDNN 2.6 pack
 * them, which is 5 to 10 % faster in the products that add up over tiles. */
static int64_t tile_stride(const struct tr__matrix *w, int64_t step)
{
    return step < w->rows ? step + 32 : step;
}

/* What a product of more rows than are wanted is put into. */
static size_t sums_bytes(int64_t m, int64_t cols, const struct tr__matrix *w)
{
    return w->varied ? (size_t)(tr__rows_made_for(m, w) * cols) * sizeof(float) : 0;
}

static size_t scratch_bytes(int64_t m, const struct tr__matrix *w)
{
    int64_t n = w->rows, k = w->cols, rows = tr__rows_made_for(m, w);
    int64_t step = tr__tile_rows(w, TILE);
    size_t with_w = bytes(step, k) + bytes(rows, tr__most(k, tile_stride(w, step))) +
                    sums_bytes(m, tr__most(k, step), w);
    size_t for_gradient = w->needs_grad ? bytes(rows, k) + bytes(rows, n) : 0;
    return (with_w > for_gradient ? with_w : for_gradient) + 3 * TR_ARENA_ALIGN;
}

/* Tiles of x w^T are smaller if w must be cut: where the result is part of a wider matrix,
 * oneDNN 2.6 packs the factors, in memory that it takes and gives back each time, and the
 * heap grows to a few times that. */
static int64_t output_step(const struct tr__matrix *w)
{
    int64_t n = w->rows, step = tr__tile_rows(w, TILE);
    if (step == n)
        return n;
    int64_t pieces = (n - 1) / tr__tile_rows(w, TILE / 2) + 1;
    return (n - 1) / pieces + 1; /* none much smaller than others */
}

static size_t library_bytes(int64_t m, const struct tr__matrix *w)
{
    enum { PACKING = 12 << 20 }; /* that heap, measured */
    int is_cut = output_step(w) < w->rows;
    (void)m;
    return (is_cut ? PACKING : 0) + (w->needs_grad ? TR__DNNL_GRADIENT_CODE : 0);
}

static void round_row(float alpha, const float *x, uint16_t *y, int64_t n)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        y[j] = tr__f32_to_bf16(alpha * x[j]);
}

/* y (m, k) = alpha x */
static void round_rows(float alpha, const float *x, int64_t m, int64_t k, int64_t ldx,
                       uint16_t *y, int64_t ldy)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i++)
        round_row(alpha, x + i * ldx, y + i * ldy, k);
}

/* x (m, k) as (rows, k), those behind m zero. */
static uint16_t *rounded(struct tr_arena *scratch, float alpha, const float *x, int64_t m,
                         int64_t rows, int64_t k, int64_t ldx)
{
    uint16_t *y = tr_arena_alloc(scratch, bytes(rows, k));
    round_rows(alpha, x, m, k, ldx, y, k);
    memset(y + m * k, 0, bytes(rows - m, k));
    return y;
}

/* to (m, cols) = sums + beta * to */
static void take_sums(const float *sums, int64_t m, int64_t cols, float beta, float *to,
                      int64_t ld)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < cols; j++)
            to[i * ld + j] =
                sums[i * cols + j] + (beta == 0 ? 0.0f : beta * to[i * ld + j]);
}

/* p with p->m rows of a, of which m are wanted in c. */
static void multiply(struct tr_arena *scratch, const struct tr__matrix *w, int64_t m,
                     struct tr__dnnl_product p, const uint16_t *a, const uint16_t *b,
                     float *c)
{
    size_t mark = tr_arena_mark(scratch);
    float beta = p.beta, *to = c;
    int64_t ldc = p.ldc;
    p.type = TR__DNNL_BF16;
    if (w->varied) {
        to = tr_arena_alloc(scratch, sums_bytes(m, p.n, w));
        p.ldc = p.n;
        p.beta = 0;
    }
    tr__dnnl_multiply(&p, a, b, to, &scratch->err);
    if (w->varied)
        take_sums(to, m, p.n, beta, c, ldc);
    tr_arena_rewind(scratch, mark);
}

/* Rows r0 … r0 + n - 1 of w: where they lie, or rounded into buf. */
static const uint16_t *rows_bf16(const struct tr__matrix *w, int64_t r0, int64_t n,
                                 uint16_t *buf)
{
    int64_t k = w->cols, unit = w->dtype->bytes * (PIECE / w->dtype->block);
    if (w->dtype == &tr_bf16)
        return tr__row_at(w, r0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const char *row = tr__row_at(w, r0 + i);
        for (int64_t j = 0; j < k; j += PIECE, row += unit) {
            float piece[PIECE];
            const float *from = (const void *)row;
            if (w->dtype != &tr_f32)
                w->dtype->to_f32(row, piece, tr__least(PIECE, k - j)), from = piece;
            round_row(1, from, buf + i * k + j, tr__least(PIECE, k - j));
        }
    }
    return buf;
}

static void xwt(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    int64_t n = w->rows, k = w->cols, step = output_step(w), made = tr__rows_made_for(m, w);
    size_t mark = tr_arena_mark(scratch);
    uint16_t *x16 = rounded(scratch, alpha, x, m, made, k, ldx);
    uint16_t *buf = tr_arena_alloc(scratch, bytes(step, k));
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = tr__least(step, n - i);
        multiply(scratch, w, m,
                 (struct tr__dnnl_product){ .m = made, .n = rows, .k = k, .tb = 1, .lda = k,
                                            .ldb = k, .ldc = ldy, .beta = beta },
                 x16, rows_bf16(w, i, rows, buf), y + i);
    }
    tr_arena_rewind(scratch, mark);
}

static void dyw(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                int64_t lddx)
{
    int64_t n = w->rows, k = w->cols, step = tr__tile_rows(w, TILE);
    int64_t lda = tile_stride(w, step), made = tr__rows_made_for(m, w);
    size_t mark = tr_arena_mark(scratch);
    uint16_t *dy16 = tr_arena_alloc(scratch, bytes(made, lda));
    uint16_t *buf = tr_arena_alloc(scratch, bytes(step, k));
    memset(dy16 + m * lda, 0, bytes(made - m, lda));
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = tr__least(step, n - i);
        round_rows(alpha, dy + i, m, rows, lddy, dy16, lda);
        multiply(scratch, w, m,
                 (struct tr__dnnl_product){ .m = made, .n = k, .k = rows, .lda = lda,
                                            .ldb = k, .ldc = lddx, .beta = i ? 1 : beta },
                 dy16, rows_bf16(w, i, rows, buf), dx);
    }
    tr_arena_rewind(scratch, mark);
}

static void dytx(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                 int64_t lddy, const float *x, int64_t ldx, float beta,
                 const struct tr__matrix *w)
{
    int64_t n = w->rows, k = w->cols, made = tr__rows_made_for(m, w);
    size_t mark = tr_arena_mark(scratch);
    uint16_t *dy16 = rounded(scratch, alpha, dy, m, made, n, lddy);
    uint16_t *x16 = rounded(scratch, 1, x, m, made, k, ldx);
    tr__dnnl_multiply(&(struct tr__dnnl_product){ .type = TR__DNNL_BF16, .m = n, .n = k,
                          .k = made, .ta = 1, .lda = n, .ldb = k, .ldc = k, .beta = beta },
                      dy16, x16, w->grad, &scratch->err);
    tr_arena_rewind(scratch, mark);
}

const struct tr__products
    tr__products_bf16 = { xwt, dyw, dytx, scratch_bytes, library_bytes, 0 },
    tr__products_bf16_few_int8 = { xwt, dyw, dytx, scratch_bytes, library_bytes, 1 };
