/* SPDX-License-Identifier: MIT
 *
 * How the rows of a batch are cut into work for attention.  Only the positions decide, not
 * the number of threads, so neither do the bits of the result.
 */
#ifndef LIBTRAIN_OPS_ATTENTION_PLAN_H
#define LIBTRAIN_OPS_ATTENTION_PLAN_H

#include <libtrain/arena.h>

#include <stdint.h>

enum {
    TR__ATT_TILE = 64,  /* queries, and keys, that are worked on at once */
    TR__ATT_MARGIN = 16 /* rows of zeros before and after the packed keys of a piece */
};

/* Up to TR__ATT_TILE consecutive queries q0 … q0 + nq - 1.  They see no key before k0, and
 * all of them see the keys all … q0. */
struct tr__att_tile {
    int32_t q0, nq, k0, all;
};

/* Consecutive tiles that are one task for each kv head: queries q0 … q1 - 1, keys
 * k0 … q1 - 1, packed into `rows` rows with the margins.  Pieces of one long document
 * share keys; there `shared` is set, and `row` counts the rows of the shared pieces before
 * this one. */
struct tr__att_piece {
    int32_t i_tile, end_tile;
    int32_t k0, q1;
    int shared;
    int64_t rows, row;
};

struct tr__att_plan {
    const int32_t *first;             /* (n) first key that a row sees */
    const struct tr__att_tile *tile;  /* (n_tile) */
    const struct tr__att_piece *piece; /* (n_piece) */
    int32_t n_tile, n_piece;
    int64_t max_rows;    /* of the largest piece */
    int64_t shared_rows; /* of all shared pieces */
};

/* Row t sees rows max(t - pos[t], t - window + 1) … t; window 0: no limit.
 * 0 <= pos[t] <= t. */
struct tr__att_plan tr__att_plan(struct tr_arena *scratch, const int32_t *pos, int64_t n,
                                 int window, int n_head_kv);

/* What a plan for n rows takes at most, of documents no longer than `longest`. */
struct tr__att_bound {
    size_t bytes;
    int64_t max_rows, shared_rows;
};
struct tr__att_bound tr__att_bound(int64_t n, int64_t longest, int n_head_kv);

#endif
