/* SPDX-License-Identifier: MIT
 *
 * Ways to compute the products of matmul.h, one file each: a const struct of functions with
 * the signatures and the meaning that matmul.h gives.
 */
#ifndef LIBTRAIN_MATMUL_PRODUCTS_H
#define LIBTRAIN_MATMUL_PRODUCTS_H

#include <libtrain/matmul/matmul.h>

struct tr__products {
    void (*xwt)(struct tr_arena *scratch, int64_t m, float alpha, const float *x,
                int64_t ldx, const struct tr__matrix *w, float beta, float *y, int64_t ldy);
    void (*dyw)(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                int64_t lddy, const struct tr__matrix *w, float beta, float *dx,
                int64_t lddx);
    void (*dytx)(struct tr_arena *scratch, int64_t m, float alpha, const float *dy,
                 int64_t lddy, const float *x, int64_t ldx, float beta,
                 const struct tr__matrix *w);
    size_t (*scratch)(int64_t m, const struct tr__matrix *w); /* grows with m */
    size_t (*library)(int64_t m, const struct tr__matrix *w); /* see matmul.h; NULL: none */
    int few_int8; /* few rows meet a packed weight as bytes, in integers (gemv.h) */
};

/* OpenBLAS on f32; a packed weight is unpacked tile by tile. */
extern const struct tr__products tr__products_f32;
/* The same, but few rows in integers, where that is faster. */
extern const struct tr__products tr__products_f32_int8;
/* oneDNN on BF16; tr__dnnl_open first. */
extern const struct tr__products tr__products_bf16;
extern const struct tr__products tr__products_bf16_few_int8;
/* oneDNN on integers of eight bits; tr__dnnl_open first. */
extern const struct tr__products tr__products_int8, tr__products_int8_few_int8;
enum { TR__INT8_MAX = 133152 }; /* columns of a weight: longer sums might overflow */
/* An f32 weight with few rows or few columns: an adapter's. */
extern const struct tr__products tr__products_thin;
enum { TR__THIN_MAX = 32 };

static inline int64_t tr__least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t tr__most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Rows of w to work on at once: about so many numbers, but at least 16 rows. */
static inline int64_t tr__tile_rows(const struct tr__matrix *w, int64_t numbers)
{
    return tr__least(tr__most(numbers / w->cols, 16), w->rows);
}

/* Rows of a product with m by oneDNN, which makes code for every size: where m varies there
 * are a few sizes, and the rows behind m hold anything. */
static inline int64_t tr__rows_made_for(int64_t m, const struct tr__matrix *w)
{
    return w->varied ? (m + 15) / 16 * 16 : m;
}

/* Row `row` of a weight, in its own type. */
static inline const void *tr__row_at(const struct tr__matrix *w, int64_t row)
{
    int64_t row_bytes = w->cols / w->dtype->block * w->dtype->bytes;
    return (const char *)w->data + row * row_bytes;
}

#endif
