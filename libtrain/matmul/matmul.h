/* SPDX-License-Identifier: MIT
 *
 * The three matrix products of training, with a weight w (n, k) of any type and x, y, dy,
 * dx in rows of f32; ldx, ldy: numbers from row to row.  Call from outside parallel
 * regions.
 *
 * How they are computed depends on the weight: see products.h.
 */
#ifndef LIBTRAIN_MATMUL_MATMUL_H
#define LIBTRAIN_MATMUL_MATMUL_H

#include <libtrain/arena.h>
#include <libtrain/dtype.h>
#include <libtrain/matmul/tile.h>

struct tr__products;

/* A weight as a product sees it: (rows, cols), row by row in its type.  Owns nothing. */
struct tr__matrix {
    const struct tr_dtype *dtype;
    int64_t rows, cols;
    void *data;
    float *grad;    /* (rows, cols), where a gradient is asked for */
    int needs_grad; /* one will be: it counts in the scratch */
    const struct tr__products *products; /* how it multiplies; NULL: in f32 */
    int varied; /* m is another one in every product: see tr__rows_made_for */
};

/* y (m, n) = alpha * x (m, k) w^T + beta * y */
void tr__gemm_xwt(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                  int64_t ldx, const struct tr__matrix *w, float beta, float *y,
                  int64_t ldy);

/* dx (m, k) = alpha * dy (m, n) w + beta * dx */
void tr__gemm_dyw(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                  int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                  int64_t lddx);

/* w->grad (n, k) = alpha * dy (m, n)^T x (m, k) + beta * w->grad; beta is 0 or 1 */
void tr__gemm_dytx(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                   int64_t lddy, const float *x, int64_t ldx, float beta,
                   const struct tr__matrix *w);

/* Scratch bytes that any of these takes. */
size_t tr__gemm_scratch(int64_t m, const struct tr__matrix *w);

/* Bytes that the library behind them takes for itself, about. */
size_t tr__gemm_library(int64_t m, const struct tr__matrix *w);

/* c (m, n) = alpha * a (m, k) b (k, n) + beta * c, all of f32, by OpenBLAS.  a is stored as
 * it is or, with ta, as (k, m); the same for b; lda, ldb, ldc: numbers from one stored row
 * to the next. */
struct tr__gemm {
    int ta, tb;
    int64_t m, n, k, lda, ldb, ldc;
    float alpha, beta;
};
void tr__gemm_f32(const struct tr__gemm *p, const float *a, const float *b, float *c);
/* Bytes that OpenBLAS takes for itself, about. */
size_t tr__gemm_f32_library(int64_t m, int64_t n, int64_t k);

/* Take from the system what OpenBLAS cannot do without, once, before the first product; or say
 * that there is no room for it: TR_ENOMEM. */
int tr__gemm_ready(struct tr_err *err) TR_MUST_CHECK;

/* a (m, n) ~ u (m, rank) diag(s) vt (rank, n), s falling, u and vt orthonormal. */
struct tr__svd {
    int64_t rank;
    float *u, *s, *vt;
};
/* The largest `wanted` singular values of a and their vectors, all of f32, and more of them
 * where that is no more work.  `rank` says how many there are: that many if all of them are
 * computed, min(m, n); else those behind the first `wanted` are worse.  From random vectors,
 * the same in each call.  TR_ENOMEM; TR_EFORMAT if a is not finite. */
int tr__svd_new(struct tr__svd *x, int64_t m, int64_t n, const float *a, int64_t wanted,
                struct tr_err *err) TR_MUST_CHECK;
/* The same of b (m, k) a (k, n), all of its min(k, m, n) values, without that product where
 * k is the least. */
int tr__svd_of_product(struct tr__svd *x, int64_t m, int64_t k, int64_t n, const float *b,
                       const float *a, struct tr_err *err) TR_MUST_CHECK;
void tr__svd_release(struct tr__svd *x);

/* c (n, n) += x (m, n)^T x; of c only the lower triangle is read and written, here and below. */
void tr__gram_f32(int64_t m, int64_t n, const float *x, int64_t ldx, float *c);
/* y (m, n) = b (m, n) c (n, n) with a symmetric c. */
void tr__symmetric_f32(int64_t m, int64_t n, const float *b, const float *c, float *y);
/* c = l l^T: l takes its place.  0, or the number of a pivot, from 1, that is not above 0: then c
 * is spoilt. */
int64_t tr__cholesky_f32(int64_t n, float *c);
/* b (m, n) = b l, b l^-1 or b l^-T, with l (n, n). */
enum tr__triangle { TR__BY_ITSELF, TR__BY_INVERSE, TR__BY_INVERSE_T };
void tr__times_triangle(enum tr__triangle how, int64_t m, int64_t n, const float *l, float *b);

/* Rows `id[i]` of w to f32: out (n, k). */
void tr__gather_rows(const struct tr__matrix *w, const int32_t *id, int64_t n, float *out);

#endif
