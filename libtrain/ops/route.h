/* SPDX-License-Identifier: MIT
 *
 * What routing hands to the operations on experts: the array of integers that choose.c
 * fills.  A row is meant for each position and each of its experts; rows are sorted by
 * expert, those of one by position, so that there are n * k of them however they fall.
 */
#ifndef LIBTRAIN_OPS_ROUTE_H
#define LIBTRAIN_OPS_ROUTE_H

#include <libtrain/ops/ops.h>

struct tr__dispatch {
    int64_t n;    /* positions */
    int k;        /* experts of a position */
    int n_expert;
    int32_t *chosen; /* (n, k) experts */
    int32_t *slot;   // (n * k) of a row: its place in chosen, position * k + rank
    int32_t *first;  /* (n_expert + 1) row of each expert; the last is n * k */
};

static inline int64_t tr__dispatch_size(int64_t n, int k, int n_expert)
{
    return 2 * n * k + n_expert + 1;
}

static inline struct tr__dispatch tr__dispatch_of(const struct tr_tensor *choice, int64_t n,
                                                  int k, int n_expert)
{
    int32_t *data = choice->data;
    return (struct tr__dispatch){ n, k, n_expert, data, data + n * k, data + 2 * n * k };
}

static inline int64_t tr__position(const struct tr__dispatch *d, int64_t row)
{
    return d->slot[row] / d->k;
}

/* Scores of n experts from logits z: s (n), all at least 0. */
struct tr_gating {
    void (*scores)(const float *z, int64_t n, float *s);
    /* dz += the gradient, from that of the scores */
    void (*slope)(const float *z, const float *s, const float *ds, int64_t n, float *dz);
};

/* Which experts each row is sent to. */
struct tr_tensor *tr__choose(struct tr_tape *tp, struct tr_tensor *logits,
                             const struct tr_route *opt);
/* The logits as they are; their gradient with that of the balance loss. */
struct tr_tensor *tr__balance(struct tr_tape *tp, struct tr_tensor *logits,
                              struct tr_tensor *choice, const struct tr_route *opt);

#endif
