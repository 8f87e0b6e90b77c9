/* SPDX-License-Identifier: MIT */
#include <libtrain/internal/gemm.h>

#include <cblas.h>
#include <limits.h>

/* A tile of 4 MiB is large enough for the product to run at full speed and small enough
 * to be still in cache, in part, when the product reads what was just unpacked. */
enum { TILE_FLOATS = 1 << 20 };

static int is_f32(const struct tr_tensor *w)
{
    return w->dtype == &tr_f32;
}

static int64_t tile_rows(const struct tr_tensor *w)
{
    int64_t rows = TILE_FLOATS / tr_tensor_cols(w);
    if (rows < 16)
        rows = 16;
    int64_t all = tr_tensor_rows(w);
    return rows < all ? rows : all;
}

size_t tr__gemm_scratch(const struct tr_tensor *w)
{
    if (is_f32(w))
        return 0;
    return (size_t)(tile_rows(w) * tr_tensor_cols(w)) * sizeof(float) + TR_ARENA_ALIGN;
}

static const char *row_at(const struct tr_tensor *w, int64_t row)
{
    int64_t row_bytes = tr_tensor_cols(w) / w->dtype->block * w->dtype->bytes;
    return (const char *)w->data + row * row_bytes;
}

static void unpack_rows(const struct tr_tensor *w, int64_t r0, int64_t n, float *out)
{
    int64_t k = tr_tensor_cols(w);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        w->dtype->to_f32(row_at(w, r0 + i), out + i * k, k);
}

static int as_int(int64_t v)
{
    if (v > INT_MAX)
        tr_fatal("gemm: a dimension of %lld is too much for BLAS", (long long)v);
    return (int)v;
}

static void sgemm(enum CBLAS_TRANSPOSE ta, enum CBLAS_TRANSPOSE tb, int64_t m, int64_t n,
                  int64_t k, float alpha, const float *a, int64_t lda, const float *b,
                  int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta, tb, as_int(m), as_int(n), as_int(k), alpha, a,
                as_int(lda), b, as_int(ldb), beta, c, as_int(ldc));
}

/* Rows r0 … r0 + n - 1 of w as f32: where they lie, or unpacked into buf. */
static const float *rows_f32(const struct tr_tensor *w, int64_t r0, int64_t n, float *buf)
{
    if (is_f32(w))
        return (const float *)w->data + r0 * w->ld;
    unpack_rows(w, r0, n, buf);
    return buf;
}

void tr__gemm_xwt(struct tr_arena *scratch, int64_t m, int64_t n, float alpha,
                  const float *x, int64_t ldx, const struct tr_tensor *w, int64_t r0,
                  float beta, float *y, int64_t ldy)
{
    int64_t k = tr_tensor_cols(w), step = is_f32(w) ? n : tile_rows(w);
    size_t mark = tr_arena_mark(scratch);
    float *buf = tr_arena_alloc(scratch, tr__gemm_scratch(w));
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = n - i < step ? n - i : step;
        const float *tile = rows_f32(w, r0 + i, rows, buf);
        sgemm(CblasNoTrans, CblasTrans, m, rows, k, alpha, x, ldx, tile, k, beta, y + i,
              ldy);
    }
    tr_arena_rewind(scratch, mark);
}

void tr__gemm_dyw(struct tr_arena *scratch, int64_t m, int64_t n, float alpha,
                  const float *dy, int64_t lddy, const struct tr_tensor *w, int64_t r0,
                  float beta, float *dx, int64_t lddx)
{
    int64_t k = tr_tensor_cols(w), step = is_f32(w) ? n : tile_rows(w);
    size_t mark = tr_arena_mark(scratch);
    float *buf = tr_arena_alloc(scratch, tr__gemm_scratch(w));
    for (int64_t i = 0; i < n; i += step) {
        int64_t rows = n - i < step ? n - i : step;
        const float *tile = rows_f32(w, r0 + i, rows, buf);
        sgemm(CblasNoTrans, CblasNoTrans, m, k, rows, alpha, dy + i, lddy, tile, k,
              i ? 1.0f : beta, dx, lddx);
    }
    tr_arena_rewind(scratch, mark);
}

void tr__gemm_dytx(int64_t m, int64_t n, int64_t k, float alpha, const float *dy,
                   int64_t lddy, const float *x, int64_t ldx, float *dw)
{
    sgemm(CblasTrans, CblasNoTrans, n, k, m, alpha, dy, lddy, x, ldx, 1.0f, dw, k);
}

void tr__gather_rows(const struct tr_tensor *w, const int32_t *id, int64_t n, float *out)
{
    int64_t k = tr_tensor_cols(w);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        w->dtype->to_f32(row_at(w, id[i]), out + i * k, k);
}
