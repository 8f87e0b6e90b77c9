/* SPDX-License-Identifier: MIT
 *
 * What the forward and the backward pass of attention share: the work of a call, the
 * scratch of a thread, and the copies between tensors and padded tiles.
 */
#ifndef LIBTRAIN_OPS_ATTENTION_JOB_H
#define LIBTRAIN_OPS_ATTENTION_JOB_H

#include <libtrain/ops/attention_plan.h>
#include <libtrain/ops/ops.h>

#include <math.h>

enum { TR__ATT_Q, TR__ATT_K, TR__ATT_V, TR__ATT_SINKS }; /* inputs of the node */

struct tr__att_args {
    struct tr_attention opt;
    const int32_t *pos; /* (n) */
};

/* Scratch of one thread.  Rows of heads are padded with zeros to `ld` numbers. */
struct tr__att_work {
    float *k, *v;             // (rows, ld) of a piece; row TR__ATT_MARGIN is key k0
    float *dk, *dv;           // (rows, ld)
    float *q, *o, *dout, *dq; // (TR__ATT_TILE, ld); q is scaled
    float *q_t, *dout_t;      // (head_dim, TR__ATT_TILE)
    float *s, *ds;            // (TR__ATT_TILE keys, TR__ATT_TILE queries)
    float *max, *sum, *keep;  // (TR__ATT_TILE) of the running softmax
    float *lse, *delta;       // (TR__ATT_TILE)
    int32_t *first;           // (TR__ATT_TILE) first key that a query sees
};

/* What all tasks of a call share.  Lives in the node's scratch. */
struct tr__att_job {
    const struct tr_node *nd;
    const struct tr_attention *opt;
    struct tr__att_plan plan;
    int64_t n, ld;
    struct tr__att_work *work; /* one a thread */
    float *shared;             /* dk and dv of the shared pieces */
};

struct tr__att_job tr__att_job(const struct tr_node *nd, int backward);
size_t tr__att_scratch(const struct tr_node *nd, int backward);

/* Rows t0 … t0 + n - 1 of a head; zeros up to row n_padded. */
void tr__att_load(const struct tr__att_job *job, const float *head, int64_t head_ld,
                  int64_t t0, int64_t n, int64_t n_padded, float *to);
/* Keys or values of a piece, with margins of zeros. */
void tr__att_load_keys(const struct tr__att_job *job, const struct tr__att_piece *piece,
                       int i_in, int i_kv, float *to);
/* q, q_t and first. */
void tr__att_load_queries(const struct tr__att_job *job, const struct tr__att_tile *tile,
                          int i_head, struct tr__att_work *w);
/* (TR__ATT_TILE, ld) to (head_dim, TR__ATT_TILE) */
void tr__att_transpose(const struct tr__att_job *job, const float *from, float *to);

/* Where the packed row of a key is. */
static inline int64_t tr__att_key_at(const struct tr__att_job *job,
                                     const struct tr__att_piece *piece, int64_t key)
{
    return (key - piece->k0 + TR__ATT_MARGIN) * job->ld;
}

/* What scores of the query in row t are multiplied by. */
static inline float tr__att_scale(const struct tr__att_args *args, int64_t t)
{
    const struct tr_attention *opt = &args->opt;
    if (!opt->grow_every)
        return opt->scale;
    return opt->scale *
           (1.0f + opt->grow * logf((float)(1 + args->pos[t] / opt->grow_every)));
}

/* The score that a head's running maximum starts from. */
static inline float tr__att_sink(const struct tr_node *nd, int64_t i_head)
{
    const struct tr_tensor *sinks = nd->in[TR__ATT_SINKS];
    return sinks ? ((const float *)sinks->data)[i_head] : -INFINITY;
}

void tr__att_backward(struct tr_node *nd);

/* Forward where there are more keys than queries: the queries are the last rows. */
void tr__att_cached(struct tr_node *nd);

#endif
