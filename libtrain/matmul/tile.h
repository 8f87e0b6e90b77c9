/* SPDX-License-Identifier: MIT
 *
 * Products of small matrices that lie in cache, for operations that work tile by tile
 * inside a parallel region.  Large products belong to gemm.c.
 *
 * Sizes that are multiples of TR__TILE_ROWS and TR__TILE_COLS have no slow edges.
 */
#ifndef LIBTRAIN_MATMUL_TILE_H
#define LIBTRAIN_MATMUL_TILE_H

#include <stdint.h>

enum { TR__TILE_ROWS = 8, TR__TILE_COLS = 16 };

/* A matrix that is read element by element: element (i, k) is at data[i * row + k * col],
 * so that a transposed matrix is the same with row and col exchanged. */
struct tr__tile {
    const float *data;
    int64_t row, col;
};

/* c (m, n) = diag(keep) c + a (m, k) b (k, n).  keep (m) or NULL: c starts from zero.
 * ldb, ldc: numbers from row to row. */
typedef void tr__tile_fn(int64_t m, int64_t n, int64_t k, struct tr__tile a, const float *b,
                         int64_t ldb, float *c, int64_t ldc, const float *keep);
tr__tile_fn tr__tile_product;
/* The same with a and b rounded to BF16, where the library was built for a processor that
 * multiplies those and sizes are such multiples, m up to 64, k up to 256; else in f32. */
tr__tile_fn tr__tile_product_bf16;
/* to[j * ld_to + i] = from[i * ld + j], i below rows, j below cols */
void tr__tile_transpose(int64_t rows, int64_t cols, const float *from, int64_t ld, float *to,
                        int64_t ld_to);
/* Round n numbers as it rounds its factors. */
void tr__tile_round_bf16(float *x, int64_t n);

#endif
