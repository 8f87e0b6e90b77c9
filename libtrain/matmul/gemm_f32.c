/* SPDX-License-Identifier: MIT
 *
 * Products in f32 by OpenBLAS.  A packed weight is unpacked a tile of rows at a time in front
 * of it, as large as its room allows, since sgemm packs the other factor for each tile anew.
 * Products of few rows are made by short.c, which is faster there.  How much OpenBLAS keeps
 * for itself was measured and goes into the plan (train/plan.c).
 */
#include <libtrain/matmul/products.h>
#include <libtrain/matmul/short.h>

#include <cblas.h>
#include <limits.h>
#include <omp.h>

/* 16 MiB.  With 4 MiB a step at width 2048 takes 4 to 8 % more time, with 32 MiB no less. */
enum { TILE_FLOATS = 1 << 22 };

static int is_f32(const struct tr__matrix *w)
{
    return w->dtype == &tr_f32;
}

static int64_t tile_rows(const struct tr__matrix *w)
{
    return is_f32(w) ? w->rows : tr__tile_rows(w, TILE_FLOATS);
}

static size_t tile_bytes(const struct tr__matrix *w)
{
    return is_f32(w) ? 0 : (size_t)(tile_rows(w) * w->cols) * sizeof(float);
}

static size_t scratch_bytes(int64_t m, const struct tr__matrix *w)
{
    return tile_bytes(w) + tr__short_room(m, w->cols) + 2 * TR_ARENA_ALIGN;
}

/* OpenBLAS cuts c (m, n) = a b and packs what it works on: of one factor all m lines, of
 * the other some for each thread, both to at most a depth.  Measured with 0.3.21 and
 * AVX-512; its other kernels take no more. */
static int64_t packed(int64_t m, int64_t n, int64_t k)
{
    enum { LINES = 640, DEPTH = 320 };
    return tr__least(k, DEPTH) * (m + omp_get_max_threads() * tr__least(n, LINES));
}

/* Does a product go the way of short.h? */
static int is_short(int64_t m, const struct tr__matrix *w)
{
    return m >= TR__SHORT_FROM && m <= TR__SHORT_ROWS && w->rows > 0 && w->cols > 0;
}

static size_t library_bytes(int64_t m, const struct tr__matrix *w)
{
    int64_t tile = tile_rows(w), k = w->cols;
    int64_t most = is_short(m, w) ? 0 : tr__most(packed(m, tile, k), packed(m, k, tile));
    if (w->needs_grad)
        most = tr__most(most, packed(w->rows, k, m));
    return (size_t)most * sizeof(float);
}

/* Rows r0 … r0 + n - 1 of w as f32: where they lie, or unpacked into buf. */
static const float *rows_f32(const struct tr__matrix *w, int64_t r0, int64_t n, float *buf)
{
    int64_t k = w->cols;
    if (is_f32(w))
        return (const float *)w->data + r0 * k;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        w->dtype->to_f32(tr__row_at(w, r0 + i), buf + i * k, k);
    return buf;
}

static int as_int(int64_t v)
{
    if (v > INT_MAX)
        tr_fatal("gemm: a dimension of %lld is too much for BLAS", (long long)v);
    return (int)v;
}

/* Of a matrix of no columns BLAS wants a distance of rows all the same. */
static int as_ld(int64_t ld)
{
    return as_int(tr__most(ld, 1));
}

static void sgemm(enum CBLAS_TRANSPOSE ta, enum CBLAS_TRANSPOSE tb, int64_t m, int64_t n,
                  int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                  int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta, tb, as_int(m), as_int(n), as_int(k), alpha, a,
                as_ld(lda), b, as_ld(ldb), beta, c, as_ld(ldc));
}

void tr__gemm_f32(const struct tr__gemm *p, const float *a, const float *b, float *c)
{
    sgemm(p->ta ? CblasTrans : CblasNoTrans, p->tb ? CblasTrans : CblasNoTrans, p->m, p->n,
          p->k, p->alpha, a, p->lda, b, p->ldb, p->beta, c, p->ldc);
}

size_t tr__gemm_f32_library(int64_t m, int64_t n, int64_t k)
{
    return (size_t)packed(m, n, k) * sizeof(float);
}

static float *short_room(struct tr_arena *scratch, int64_t m, const struct tr__matrix *w)
{
    return tr_arena_alloc(scratch, tr__short_room(m, w->cols));
}

static void xwt(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    int64_t n = w->rows, k = w->cols, step = tile_rows(w);
    size_t mark = tr_arena_mark(scratch);
    float *buf = tr_arena_alloc(scratch, tile_bytes(w)), *room = NULL;
    if (is_short(m, w))
        room = short_room(scratch, m, w);
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = n - i < step ? n - i : step;
        const float *tile = rows_f32(w, i, rows, buf);
        if (room)
            tr__short_xwt(m, rows, k, alpha, x, ldx, tile, beta, y + i, ldy, room);
        else
            sgemm(CblasNoTrans, CblasTrans, m, rows, k, alpha, x, ldx, tile, k, beta, y + i,
                  ldy);
    }
    tr_arena_rewind(scratch, mark);
}

static void dyw(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                int64_t lddx)
{
    int64_t n = w->rows, k = w->cols, step = tile_rows(w);
    size_t mark = tr_arena_mark(scratch);
    float *buf = tr_arena_alloc(scratch, tile_bytes(w)), *room = NULL;
    if (is_short(m, w))
        room = short_room(scratch, m, w);
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = n - i < step ? n - i : step;
        const float *tile = rows_f32(w, i, rows, buf);
        float keep = i ? 1.0f : beta;
        if (room)
            tr__short_dyw(m, rows, k, alpha, dy + i, lddy, tile, keep, dx, lddx, room);
        else
            sgemm(CblasNoTrans, CblasNoTrans, m, k, rows, alpha, dy + i, lddy, tile, k, keep,
                  dx, lddx);
    }
    tr_arena_rewind(scratch, mark);
}

static void dytx(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                 int64_t lddy, const float *x, int64_t ldx, float beta,
                 const struct tr__matrix *w)
{
    int64_t n = w->rows, k = w->cols;
    (void)scratch;
    sgemm(CblasTrans, CblasNoTrans, n, k, m, alpha, dy, lddy, x, ldx, beta, w->grad, k);
}

const struct tr__products tr__products_f32 = {
    xwt, dyw, dytx, scratch_bytes, library_bytes, 0
};
const struct tr__products tr__products_f32_int8 = {
    xwt, dyw, dytx, scratch_bytes, library_bytes, 1
};
