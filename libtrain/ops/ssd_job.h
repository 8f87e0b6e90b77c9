/* SPDX-License-Identifier: MIT
 *
 * What the forward and the backward pass of tr_ssd share: the scratch of a thread, and what
 * a chunk is before its state is known.
 */
#ifndef LIBTRAIN_OPS_SSD_JOB_H
#define LIBTRAIN_OPS_SSD_JOB_H

#include <libtrain/ops/chunk.h>

enum { TR__SSD_X, TR__SSD_B, TR__SSD_C, TR__SSD_DT, TR__SSD_A, TR__SSD_D }; /* inputs */

struct tr__ssd_args {
    struct tr_ssd opt;
    const int32_t *pos; /* (n) */
};

static inline const struct tr_ssd *tr__ssd_options(const struct tr_node *nd)
{
    return &((const struct tr__ssd_args *)nd->args)->opt;
}

static inline const int32_t *tr__ssd_positions(const struct tr_node *nd)
{
    return ((const struct tr__ssd_args *)nd->args)->pos;
}

/* Scratch of one thread: a chunk of n rows of one head. */
struct tr__ssd_work {
    int64_t t0, n;             /* first row, rows */
    const float *x, *b, *c;    /* those of the inputs, their ld apart */
    float dt[TR__CHUNK];
    float g[TR__CHUNK];        /* logarithm of the decay of each row */
    float from_start[TR__CHUNK]; /* decay since before the first row */
    float *keep;               // (d_state) decay of the whole chunk
    float *decay, *p;          /* triangles: from row j to row i; that times c_i b_j */
    float *b_t;                // (d_state, TR__CHUNK)
    float *u, *u_end;          // (n, d_head) dt x; that decayed to the last row
    float *s;                  // (d_state, d_head) state
    /* of backward */
    float *states;             // (chunks of a document, d_state, d_head)
    float *t;                  // (n, d_head) gradient of u
    float *e_dy;               // (n, d_head) from_start dy
    float *dbc;                // (n, d_state) gradient of b or c
    float *dp;                 /* triangle */
    float *ds;                 // (d_state, d_head) gradient of the state behind the chunk
    float *s_t;                // (d_head, d_state) a state, transposed
    float *u_t;                // (d_head, TR__CHUNK)
};

/* Where the number of a head is in a or d, which may be a row or a column. */
static inline int64_t tr__ssd_number(const struct tr_tensor *t, int64_t head)
{
    int64_t cols = tr_tensor_cols(t);
    return head / cols * t->ld + head % cols;
}

static inline float tr__ssd_value(const struct tr_tensor *t, int64_t head)
{
    return ((const float *)t->data)[tr__ssd_number(t, head)];
}

/* Scratch of every thread. */
struct tr__ssd_work *tr__ssd_work(struct tr_arena *a, const struct tr_node *nd,
                                  int backward);

/* Rows t0 … t0 + n - 1 of a head: all that stands before p. */
void tr__ssd_load(const struct tr_node *nd, int head, int64_t t0, int64_t n,
                  struct tr__ssd_work *w);
void tr__ssd_pairs(const struct tr_node *nd, struct tr__ssd_work *w);
/* to = the state behind the chunk; s, that before it, is NULL for 0 and may be `to`. */
void tr__ssd_advance(const struct tr_node *nd, const float *s, float *to,
                     struct tr__ssd_work *w);

size_t tr__ssd_backward_scratch(const struct tr_node *nd);
void tr__ssd_backward(struct tr_node *nd);

#endif
