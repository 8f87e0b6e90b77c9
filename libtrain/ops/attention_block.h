/* SPDX-License-Identifier: MIT
 *
 * The parts of attention that see one tile of queries and one block of keys.  Scores lie
 * transposed, s (keys, queries): what belongs to a query (maximum, sum, limits of its
 * keys) then goes along the vector lanes, and no key has to be transposed.
 *
 * The last block of a tile is the square on the diagonal.  Of it only the lower triangle
 * counts, and products leave out the rest in steps of TR__TILE_COLS.
 */
#ifndef LIBTRAIN_OPS_ATTENTION_BLOCK_H
#define LIBTRAIN_OPS_ATTENTION_BLOCK_H

#include <libtrain/matmul/matmul.h>
#include <libtrain/ops/attention_plan.h>

#include <math.h>

enum { ATT_LD = TR__ATT_TILE }; /* of scores: numbers from one key to the next */

struct att_block {
    int32_t key;   /* first key; may be up to 7 before the first that anyone sees */
    int32_t n_key; /* a multiple of TR__TILE_ROWS; 0: no block is left */
    int32_t lanes; /* queries, rounded up to TR__TILE_COLS */
    int on_diagonal;
    tr__tile_fn *product;
};

static inline int64_t att_round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Blocks end at the first query, so that the one on the diagonal is a square. */
static inline struct att_block att_first_block(const struct tr__att_tile *tile, int bf16)
{
    tr__tile_fn *product = bf16 ? tr__tile_product_bf16 : tr__tile_product;
    int32_t before = (int32_t)att_round_up(tile->q0 - tile->k0, TR__TILE_ROWS);
    int32_t lanes = (int32_t)att_round_up(tile->nq, TR__TILE_COLS);
    if (!before)
        return (struct att_block){ tile->q0, lanes, lanes, 1, product };
    int32_t n_key = before % TR__ATT_TILE ? before % TR__ATT_TILE : TR__ATT_TILE;
    return (struct att_block){ tile->q0 - before, n_key, lanes, 0, product };
}

static inline struct att_block att_next_block(const struct tr__att_tile *tile,
                                              struct att_block b)
{
    if (b.on_diagonal)
        return (struct att_block){ .n_key = 0 };
    b.key += b.n_key;
    b.on_diagonal = b.key == tile->q0;
    b.n_key = b.on_diagonal ? b.lanes : TR__ATT_TILE;
    return b;
}

/* The first query for which row `i` of the scores is worked out. */
static inline int64_t att_first_lane(const struct att_block *b, int64_t i)
{
    return b->on_diagonal ? i / TR__TILE_COLS * TR__TILE_COLS : 0;
}

static inline int64_t att_step(const struct att_block *b, int64_t all)
{
    return b->on_diagonal ? TR__TILE_COLS : all;
}

/* s = k x_t     k (n_key, ld), x_t (head_dim, ATT_LD) */
static inline void att_scores(const struct att_block *b, int64_t head_dim, const float *k,
                              int64_t ld, const float *x_t, float *s)
{
    int64_t step = att_step(b, b->n_key);
    for (int64_t i = 0; i < b->n_key; i += step) {
        int64_t j = att_first_lane(b, i);
        b->product(step, b->lanes - j, head_dim, (struct tr__tile){ k + i * ld, ld, 1 },
                   x_t + j, ATT_LD, s + i * ATT_LD + j, ATT_LD, NULL);
    }
}

/* c (lanes, ld) = diag(keep) c + s^T v     v (n_key, ld) */
static inline void att_sum_keys(const struct att_block *b, const float *s, const float *v,
                                int64_t ld, float *c, const float *keep)
{
    int64_t step = att_step(b, b->lanes);
    for (int64_t j = 0; j < b->lanes; j += step)
        b->product(step, ld, b->on_diagonal ? j + step : b->n_key,
                   (struct tr__tile){ s + j, 1, ATT_LD }, v, ld, c + j * ld, ld, keep + j);
}

/* c (n_key, ld) = diag(keep) c + s x     x (lanes, ld) */
static inline void att_sum_queries(const struct att_block *b, const float *s,
                                   const float *x, int64_t ld, float *c,
                                   const float *keep)
{
    int64_t step = att_step(b, b->n_key);
    for (int64_t i = 0; i < b->n_key; i += step) {
        int64_t j = att_first_lane(b, i);
        b->product(step, ld, b->lanes - j,
                   (struct tr__tile){ s + i * ATT_LD + j, ATT_LD, 1 }, x + j * ld, ld,
                   c + i * ld, ld, keep + i);
    }
}

/* Scores of keys that a query does not see become -inf.  first (lanes): the first key that
 * each query sees. */
static inline void att_hide(const struct tr__att_tile *tile, const struct att_block *b,
                            const int32_t *first, float *s)
{
    for (int32_t i = 0; b->on_diagonal && i < b->n_key; i++)
        for (int32_t j = (int32_t)att_first_lane(b, i); j < i; j++)
            s[i * ATT_LD + j] = -INFINITY;
    for (int32_t i = 0; b->key + i < tile->all && i < b->n_key; i++)
        for (int32_t j = (int32_t)att_first_lane(b, i); j < b->lanes; j++)
            s[i * ATT_LD + j] = b->key + i < first[j] ? -INFINITY : s[i * ATT_LD + j];
}

#endif
