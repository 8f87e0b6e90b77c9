/* SPDX-License-Identifier: MIT
 *
 * The product of a few rows with a weight of any type, as generating needs it: every weight
 * is read once, from where it lies in its packed form, and never stored as f32.  Call from
 * outside parallel regions.
 */
#ifndef LIBTRAIN_MATMUL_GEMV_H
#define LIBTRAIN_MATMUL_GEMV_H

#include <libtrain/matmul/matmul.h>

/* Rows of x up to which this is faster than unpacking the weight for BLAS; at six the two
 * are nearly equal, measured with AVX-512. */
enum { TR__GEMV_ROWS = 6 };

/* y (m, n) = alpha * x (m, k) w (n, k)^T + beta * y, m up to TR__GEMV_ROWS.
 * y is not read if beta is 0.  The same bits at any number of threads. */
void tr__gemv_xwt(int64_t m, float alpha, const float *x, int64_t ldx,
                  const struct tr__matrix *w, float beta, float *y, int64_t ldy);

/* The same for a type that has dot_int8: the rows of x are rounded to bytes first, which is
 * an error of about 0.4 % of what a product's terms amount to. */
void tr__gemv_int8(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                   int64_t ldx, const struct tr__matrix *w, float beta, float *y,
                   int64_t ldy);
/* Scratch bytes that it takes for as many of m rows as it is for. */
size_t tr__gemv_int8_scratch(int64_t m, const struct tr__matrix *w);

#endif
