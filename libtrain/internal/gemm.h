/* SPDX-License-Identifier: MIT
 *
 * The three matrix products of training, with a weight of any type.  A packed weight is
 * unpacked tile by tile into scratch and multiplied by OpenBLAS; an f32 weight is used
 * where it lies.  Call from outside parallel regions.
 *
 * w is (rows, k); rows r0 … r0 + n - 1 take part.
 */
#ifndef LIBTRAIN_INTERNAL_GEMM_H
#define LIBTRAIN_INTERNAL_GEMM_H

#include <libtrain/arena.h>
#include <libtrain/tensor.h>

/* y (m, n) = alpha * x (m, k) w^T + beta * y */
void tr__gemm_xwt(struct tr_arena *scratch, int64_t m, int64_t n, float alpha,
                  const float *x, int64_t ldx, const struct tr_tensor *w, int64_t r0,
                  float beta, float *y, int64_t ldy);

/* dx (m, k) = alpha * dy (m, n) w + beta * dx */
void tr__gemm_dyw(struct tr_arena *scratch, int64_t m, int64_t n, float alpha,
                  const float *dy, int64_t lddy, const struct tr_tensor *w, int64_t r0,
                  float beta, float *dx, int64_t lddx);

/* dw (n, k) += alpha * dy (m, n)^T x (m, k);  dw is f32, contiguous */
void tr__gemm_dytx(int64_t m, int64_t n, int64_t k, float alpha, const float *dy,
                   int64_t lddy, const float *x, int64_t ldx, float *dw);

/* Scratch bytes that the first two take for this weight. */
size_t tr__gemm_scratch(const struct tr_tensor *w);

/* Rows `id[i]` of w to f32: out (n, k). */
void tr__gather_rows(const struct tr_tensor *w, const int32_t *id, int64_t n, float *out);

#endif
