/* SPDX-License-Identifier: MIT
 *
 * Products of eight-bit integers with exact sums, by oneDNN (VNNI).  Every row of a factor
 * has a scale of its own, its largest magnitude over 127 (LLM.int8, Dettmers et al. 2022):
 *
 *     y  = diag(sx) (x8 w8^T) diag(sw)
 *     dx = diag(sg) (g8 w8)      where diag(sg) g8 = dy diag(sw)
 *
 * In front of the first, columns of x with large numbers are divided by the root of their
 * largest magnitude and those of w multiplied with it (SmoothQuant, Xiao et al. 2023): a few
 * columns of activations are so large that the others of a row would have two or three bits.
 * The gradient of a weight is a product of BF16, as in SwitchBack (Wortsman et al. 2023).
 *
 * Sums are exact up to TR__INT8_MAX terms of 127 * 127.
 *
 * Weights and activations round to nearest.  Gradients are dithered: a number between two
 * steps goes up the more often the nearer it is to the upper one, so that the many small
 * ones are right in the mean over rows.  The dither is a function of the place, so that a
 * run gives the same bits again.
 */
#include <libtrain/matmul/dnnl.h>
#include <libtrain/quants/quants.h>
#include <libtrain/matmul/products.h>

#include <math.h>
#include <omp.h>
#include <string.h>

/* Numbers of the weight, and sums, that are held at once. */
enum { TILE = 1 << 20, SUMS = 1 << 19 };

struct rows8 {
    int8_t *q;    // (rows, cols)
    float *scale; // (rows)
};

/* Scratch of a product; c is the wider of a tile's rows and k. */
struct work {
    struct rows8 left; // (m, step or k)
    struct rows8 tile; // (step, k)
    int32_t *sum;      // (m, step or k)
    float *row;        // (threads, c)
    float *balance;    // (k)
    int64_t step, c;
    int64_t m; /* rows of a product, of which those behind the wanted ones hold anything */
};

static struct rows8 new_rows(struct tr_arena *a, int64_t rows, int64_t count)
{
    return (struct rows8){ tr_arena_alloc(a, (size_t)count),
                           tr_arena_array(a, (size_t)rows, sizeof(float)) };
}

/* Sizes grow with m, although fewer rows take longer tiles: what is planned for a product is
 * enough for a shorter one. */
static struct work new_work(struct tr_arena *a, int64_t wanted, const struct tr__matrix *w)
{
    int64_t k = w->cols, m = tr__rows_made_for(wanted, w);
    int64_t longest = tr__tile_rows(w, TILE);
    int64_t step = tr__least(longest, tr__most(SUMS / m, 16)), c = tr__most(longest, k);
    int64_t sums = tr__most(m * k, tr__least(m * longest, tr__most(SUMS, 16 * m)));
    return (struct work){
        .left = new_rows(a, m, sums),
        .tile = new_rows(a, longest, longest * k),
        .sum = tr_arena_array(a, (size_t)sums, sizeof(int32_t)),
        .row = tr_arena_array(a, (size_t)(omp_get_max_threads() * c), sizeof(float)),
        .balance = tr_arena_array(a, (size_t)k, sizeof(float)),
        .step = step,
        .c = c,
        .m = m,
    };
}

static size_t scratch_bytes(int64_t m, const struct tr__matrix *w)
{
    struct tr_arena count;
    tr_arena_init_counting(&count);
    new_work(&count, m, w);
    size_t bf16 = w->needs_grad ? tr__products_bf16.scratch(m, w) : 0;
    return count.peak > bf16 ? count.peak : bf16;
}

static size_t library_bytes(int64_t m, const struct tr__matrix *w)
{
    (void)m;
    return w->needs_grad ? TR__DNNL_GRADIENT_CODE : 0;
}

/* ---- rounding ------------------------------------------------------------------------ */

/* Largest magnitude over 127.  As integers the bits of numbers without sign are in order,
 * with infinity and NaN at the end: those make a scale, and so a result, like themselves. */
static float scale_of(const float *x, int64_t n)
{
    uint32_t most = 0;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; j++) {
        uint32_t u = tr__f32_bits(x[j]) & 0x7fffffff;
        most = u > most ? u : most;
    }
    return tr__bits_f32(most) * (1.0f / 127);
}

static float inverse_of(float scale)
{
    return scale > 0 && scale < INFINITY ? 1.0f / scale : 0.0f;
}

/* Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
static void round_row(const float *x, int8_t *q, int64_t n, float inverse)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        q[j] = (int8_t)tr__f32_bits(x[j] * inverse + 12582912.0f);
}

/* The same with a number from [-1/2, 1/2) added, a hash of the place; the constants are
 * those of lowbias32 (C. Wellons, 2018).  127.5 would be one too many. */
static void dither_row(const float *x, int8_t *q, int64_t n, float inverse, uint32_t row)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++) {
        uint32_t h = (row ^ (uint32_t)j) * 0x7feb352du;
        h = (h ^ h >> 15) * 0x846ca68bu;
        float noise = (float)(int32_t)(h ^ h >> 16) * 0x1p-32f;
        float y = x[j] * inverse + noise;
        y = y > 127.0f ? 127.0f : y < -127.0f ? -127.0f : y;
        q[j] = (int8_t)tr__f32_bits(y + 12582912.0f);
    }
}

/* Square roots of the largest magnitudes in the columns of x (m, k); 1 for none and for
 * infinite ones. */
static void find_balance(int64_t m, int64_t k, const float *x, int64_t ldx, float *balance)
{
    enum { STRIP = 64 };
#pragma omp parallel for schedule(static)
    for (int64_t j0 = 0; j0 < k; j0 += STRIP) {
        float most[STRIP] = {0};
        int64_t cols = tr__least(STRIP, k - j0);
        for (int64_t i = 0; i < m; i++)
#pragma omp simd
            for (int64_t j = 0; j < cols; j++) {
                float v = fabsf(x[i * ldx + j0 + j]);
                most[j] = v > most[j] ? v : most[j];
            }
        for (int64_t j = 0; j < cols; j++)
            balance[j0 + j] = most[j] > 0 && most[j] < INFINITY ? sqrtf(most[j]) : 1.0f;
    }
}

/* Rows r0 … r0 + n - 1 of w, times diag(balance) unless that is NULL. */
static void round_tile(const struct work *s, const struct tr__matrix *w, int64_t r0, int64_t n,
                       const float *balance)
{
    int64_t k = w->cols;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float *from = tr__row_at(w, r0 + i);
        if (w->dtype != &tr_f32) {
            float *to = s->row + omp_get_thread_num() * s->c;
            w->dtype->to_f32(from, to, k);
            from = to;
        }
        if (balance) {
            float *to = s->row + omp_get_thread_num() * s->c;
#pragma omp simd
            for (int64_t j = 0; j < k; j++)
                to[j] = from[j] * balance[j];
            from = to;
        }
        s->tile.scale[i] = scale_of(from, k);
        round_row(from, s->tile.q + i * k, k, inverse_of(s->tile.scale[i]));
    }
}

/* ---- products ------------------------------------------------------------------------ */

/* y (m, n) = alpha diag(row) sum diag(col) + beta * y; col NULL: 1 */
static void scale_sums(const struct work *s, int64_t m, int64_t n, float alpha,
                       const float *col, float beta, float *y, int64_t ldy)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i++) {
        const int32_t *sum = s->sum + i * n;
        float *to = y + i * ldy, scale = alpha * s->left.scale[i];
#pragma omp simd
        for (int64_t j = 0; j < n; j++) {
            float v = scale * (float)sum[j] * (col ? col[j] : 1.0f);
            to[j] = beta == 0 ? v : v + beta * to[j];
        }
    }
}

static void xwt(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    int64_t n = w->rows, k = w->cols;
    size_t mark = tr_arena_mark(scratch);
    struct work s = new_work(scratch, m, w);
    find_balance(m, k, x, ldx, s.balance);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i++) {
        float *row = s.row + omp_get_thread_num() * s.c;
#pragma omp simd
        for (int64_t j = 0; j < k; j++)
            row[j] = x[i * ldx + j] / s.balance[j];
        s.left.scale[i] = scale_of(row, k);
        round_row(row, s.left.q + i * k, k, inverse_of(s.left.scale[i]));
    }
    for (int64_t i = 0; i < n; i += s.step) {
        int64_t rows = tr__least(s.step, n - i);
        round_tile(&s, w, i, rows, s.balance);
        tr__dnnl_multiply(&(struct tr__dnnl_product){ .type = TR__DNNL_S8, .m = s.m,
                              .n = rows, .k = k, .tb = 1, .lda = k, .ldb = k, .ldc = rows },
                          s.left.q, s.tile.q, s.sum, &scratch->err);
        scale_sums(&s, m, rows, alpha, s.tile.scale, beta, y + i, ldy);
    }
    tr_arena_rewind(scratch, mark);
}

/* left = dy diag(tile.scale), for the columns of dy that belong to the tile */
static void dither_left(const struct work *s, int64_t m, const float *dy, int64_t lddy,
                        int64_t i0, int64_t n)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < m; i++) {
        const float *from = dy + i * lddy + i0;
        float *row = s->row + omp_get_thread_num() * s->c;
#pragma omp simd
        for (int64_t j = 0; j < n; j++)
            row[j] = from[j] * s->tile.scale[j];
        s->left.scale[i] = scale_of(row, n);
        dither_row(row, s->left.q + i * n, n, inverse_of(s->left.scale[i]),
                   (uint32_t)i * 0x9e3779b9u + (uint32_t)i0);
    }
}

static void dyw(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                int64_t lddx)
{
    int64_t n = w->rows, k = w->cols;
    size_t mark = tr_arena_mark(scratch);
    struct work s = new_work(scratch, m, w);
    for (int64_t i = 0; i < n; i += s.step) {
        int64_t rows = tr__least(s.step, n - i);
        round_tile(&s, w, i, rows, NULL);
        dither_left(&s, m, dy, lddy, i, rows);
        tr__dnnl_multiply(&(struct tr__dnnl_product){ .type = TR__DNNL_S8, .m = s.m, .n = k,
                              .k = rows, .lda = rows, .ldb = k, .ldc = k },
                          s.left.q, s.tile.q, s.sum, &scratch->err);
        scale_sums(&s, m, k, alpha, NULL, i ? 1 : beta, dx, lddx);
    }
    tr_arena_rewind(scratch, mark);
}

static void dytx(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                 int64_t lddy, const float *x, int64_t ldx, float beta,
                 const struct tr__matrix *w)
{
    tr__products_bf16.dytx(scratch, m, alpha, dy, lddy, x, ldx, beta, w);
}

const struct tr__products
    tr__products_int8 = { xwt, dyw, dytx, scratch_bytes, library_bytes, 0 },
    tr__products_int8_few_int8 = { xwt, dyw, dytx, scratch_bytes, library_bytes, 1 };
