/* SPDX-License-Identifier: MIT
 *
 * Products of a weight w (n, k) of f32 that read it once, where it lies.  A library for
 * large matrices copies w into another order first, which takes as long as multiplying it
 * with some thirty rows: much, where logits are made in chunks or experts get few rows.
 * Call from outside parallel regions.  The same bits at any number of threads.
 */
#ifndef LIBTRAIN_MATMUL_SHORT_H
#define LIBTRAIN_MATMUL_SHORT_H

#include <stddef.h>
#include <stdint.h>

/* Rows of x or dy from which and up to which these are faster than OpenBLAS, as measured. */
#if defined(__AVX512F__)
enum { TR__SHORT_FROM = 9, TR__SHORT_ROWS = 128 };
#else
enum { TR__SHORT_FROM = 9, TR__SHORT_ROWS = 48 };
#endif

/* y (m, n) = alpha * x (m, k) w^T + beta * y, m up to TR__SHORT_ROWS, k at least 1; y is not
 * read if beta is 0. */
void tr__short_xwt(int64_t m, int64_t n, int64_t k, float alpha, const float *x, int64_t ldx,
                   const float *w, float beta, float *y, int64_t ldy, float *room);
/* dx (m, k) = alpha * dy (m, n) w + beta * dx, likewise, n at least 1. */
void tr__short_dyw(int64_t m, int64_t n, int64_t k, float alpha, const float *dy,
                   int64_t lddy, const float *w, float beta, float *dx, int64_t lddx,
                   float *room);
/* Bytes of `room` for either, which begins as an arena's memory does; grows with m. */
size_t tr__short_room(int64_t m, int64_t k);

#endif
