/* SPDX-License-Identifier: MIT
 *
 * Which way a product goes: few rows straight from the packed weight (gemv.c), a thin matrix
 * by loops of our own (gemm_thin.c), all others by the library that the precision of the
 * weight names (gemm_f32.c, which has loops for some rows in short.c; gemm_bf16.c,
 * gemm_int8.c).  Operations call this and know nothing
 * of types or libraries.
 */
#include <libtrain/matmul/gemv.h>
#include <libtrain/matmul/products.h>

static int is_thin(const struct tr__matrix *w)
{
    int64_t n = w->rows, k = w->cols;
    return w->dtype == &tr_f32 && (n < k ? n : k) <= TR__THIN_MAX;
}

static const struct tr__products *products_for(const struct tr__matrix *w)
{
    if (is_thin(w))
        return &tr__products_thin;
    if (!w->products ||
        (w->products->xwt == tr__products_int8.xwt && w->cols > TR__INT8_MAX))
        return &tr__products_f32;
    return w->products;
}

static int in_bytes(const struct tr__matrix *w)
{
    return w->products && w->products->few_int8 && w->dtype->dot_int8;
}

void tr__gemm_xwt(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                  int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy)
{
    if (m <= TR__GEMV_ROWS && in_bytes(w))
        tr__gemv_int8(scratch, m, alpha, x, ldx, w, beta, y, ldy);
    else if (m <= TR__GEMV_ROWS)
        tr__gemv_xwt(m, alpha, x, ldx, w, beta, y, ldy);
    else
        products_for(w)->xwt(scratch, m, alpha, x, ldx, w, beta, y, ldy);
}

void tr__gemm_dyw(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                  int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                  int64_t lddx)
{
    products_for(w)->dyw(scratch, m, alpha, dy, lddy, w, beta, dx, lddx);
}

void tr__gemm_dytx(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                   int64_t lddy, const float *x, int64_t ldx, float beta,
                   const struct tr__matrix *w)
{
    products_for(w)->dytx(scratch, m, alpha, dy, lddy, x, ldx, beta, w);
}

size_t tr__gemm_scratch(int64_t m, const struct tr__matrix *w)
{
    size_t few = in_bytes(w) ? tr__gemv_int8_scratch(m, w) : 0;
    size_t all = products_for(w)->scratch(m, w);
    return few > all ? few : all;
}

size_t tr__gemm_library(int64_t m, const struct tr__matrix *w)
{
    const struct tr__products *products = products_for(w);
    return products->library ? products->library(m, w) : 0;
}

void tr__gather_rows(const struct tr__matrix *w, const int32_t *id, int64_t n, float *out)
{
    int64_t k = w->cols;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        w->dtype->to_f32(tr__row_at(w, id[i]), out + i * k, k);
}
