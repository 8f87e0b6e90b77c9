/* SPDX-License-Identifier: MIT
 *
 * What operations share that carry a state from row to row and work on a chunk of rows at
 * once: the documents of a batch, decays between the rows of a chunk, and products with the
 * triangles that pairs of rows make.  Triangles are lower ones, rows TR__CHUNK numbers
 * apart; in the squares of TR__TILE_COLS on the diagonal what is above it is 0.  Users:
 * delta*.c, ssd*.c.
 */
#ifndef LIBTRAIN_OPS_CHUNK_H
#define LIBTRAIN_OPS_CHUNK_H

#include <libtrain/ops/ops.h>

/* Rows that are worked on at once. */
enum { TR__CHUNK = 64 };

/* Document i has the rows begin[i] … begin[i + 1] - 1. */
struct tr__documents {
    int32_t n;
    const int32_t *begin; // (n + 1)
};

/* pos (n) is 0 where a document begins; the first may go on from a state. */
struct tr__documents tr__chunk_documents(struct tr_arena *a, const int32_t *pos, int64_t n);

/* Chunks of the longest document that pos tells of, and no more than n rows have. */
int64_t tr__chunk_most(const int32_t *pos, int64_t n);

/* 1 if every row begins a document or follows the row before, the first one what made the
 * state, if there is one; else the tape has failed. */
int tr__chunk_fits(const struct tr_node *nd, const int32_t *pos, int has_state);

/* Row i of n, column j: exp of the sum of g over j + 1 … i; 0 behind the diagonal. */
void tr__chunk_decay(int64_t n, const float *g, float *decay);

static inline int64_t tr__chunk_lanes(int64_t n)
{
    return (n + TR__TILE_COLS - 1) / TR__TILE_COLS * TR__TILE_COLS;
}

static inline void tr__chunk_fill(float *x, int64_t n, float value)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
}

/* Rows of a head are often a page apart, where no hardware looks ahead: called at row i of n,
 * `width` numbers at x. */
static inline void tr__chunk_look_ahead(const float *x, int64_t ld, int64_t width, int64_t i,
                                        int64_t n)
{
    enum { AHEAD = 8 };
    for (int64_t d = 0; i + AHEAD < n && d < width; d += 16)
        __builtin_prefetch(x + AHEAD * ld + d);
}

static inline float tr__chunk_dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* n rows of a chunk as columns, with zeros up to a multiple of TR__TILE_COLS:
 * to (cols, TR__CHUNK) */
void tr__chunk_columns(int64_t n, int64_t cols, const float *from, int64_t ld, float *to);

/* The lower triangle of x y^T     x (n, k), y_t (k, TR__CHUNK) */
void tr__chunk_pairs(int64_t n, int64_t k, const float *x, int64_t ldx, const float *y_t,
                     float *to);

/* c (n, width) = diag(keep) c + l x     l a triangle, x (n, width); keep NULL: no c */
void tr__chunk_lower(int64_t n, int64_t width, const float *l, const float *x, int64_t ldx,
                     float *c, int64_t ldc, const float *keep);

/* c (n, width) = diag(keep) c + l^T x */
void tr__chunk_upper(int64_t n, int64_t width, const float *l, const float *x, int64_t ldx,
                     float *c, int64_t ldc, const float *keep);

#endif
