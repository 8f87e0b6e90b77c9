/* SPDX-License-Identifier: MIT
 *
 * What the forward and the backward pass of the gated delta rule share: the documents of a
 * call, the scratch of a thread, and what a chunk is before its state is known.
 */
#ifndef LIBTRAIN_OPS_DELTA_JOB_H
#define LIBTRAIN_OPS_DELTA_JOB_H

#include <libtrain/ops/chunk.h>

enum { TR__DELTA_Q, TR__DELTA_K, TR__DELTA_V, TR__DELTA_G, TR__DELTA_BETA }; /* inputs */

struct tr__delta_args {
    struct tr_delta_rule opt;
    const int32_t *pos; /* (n) */
};

/* Scratch of one thread: a chunk of n rows of one value head.  Of triangles the columns up
 * to `lanes` are defined. */
struct tr__delta_work {
    int64_t t0, n, lanes;      /* first row, rows; these rounded up to TR__TILE_COLS */
    float *qk;                 // (2n, d_k) queries, then keys, as the rule sees them
    float *inverse;            // (2n) what they were multiplied with
    float *k_t;                // (d_k, TR__CHUNK)
    float *decay;              // triangle: from row j to row i
    float *p, *a;              // triangles: decay q k, and below the diagonal -decay k k
    float *beta, *g, *from_start; // (n); the last: decay since before the first row
    float *k_end;              // (n, d_k) keys decayed to the last row
    float *o, *u;              // (n, d_v) outputs, and what the keys are given
    float *s;                  // (d_k, d_v) state
    float *keep;               // (TR__CHUNK or d_k)
    /* of backward */
    float *states, *values;    // (chunks of a document, d_k, d_v), (rows of it, d_v)
    float *tdy;                // (3n, d_v) gradients of u without beta, of o, of u with it
    float *mn;                 // (2n, d_k) gradients of keys and queries, by rows of p, a
    float *dk;                 // (n, d_k) gradients of keys, by columns
    float *dp, *da;            // triangles
    float *u_t, *s_t, *ds_t;   // (d_v, TR__CHUNK), (d_v, d_k), (d_v, d_k)
    float *ds;                 // (d_k, d_v) gradient of the state behind the chunk
};

/* What all tasks of a call share.  Lives in the node's scratch. */
struct tr__delta_job {
    const struct tr_node *nd;
    const struct tr_delta_rule *opt;
    struct tr__documents document;
    struct tr__delta_work *work; /* one a thread */
};

struct tr__delta_job tr__delta_job(const struct tr_node *nd, int backward);
size_t tr__delta_scratch(const struct tr_node *nd, int backward);

/* Rows t0 … t0 + n - 1 of value head `head`: all of work before o. */
void tr__delta_load(const struct tr__delta_job *job, int head, int64_t t0, int64_t n,
                    struct tr__delta_work *w);
/* u, behind the state s, which is 0 where s is NULL. */
void tr__delta_values(const struct tr__delta_job *job, int head, const float *s,
                      struct tr__delta_work *w);
/* to = the state behind the chunk; s as above, may be `to`. */
void tr__delta_advance(const struct tr__delta_job *job, const float *s, float *to,
                       struct tr__delta_work *w);

void tr__delta_backward(struct tr_node *nd);

/* Head `head` of an input, in its first row. */
static inline const float *tr__delta_head(const struct tr__delta_job *job, int i_in,
                                          int head)
{
    const struct tr_delta_rule *opt = job->opt;
    int64_t width = i_in == TR__DELTA_V ? opt->head_v : opt->head_k;
    head = i_in == TR__DELTA_V ? head : head % opt->n_head_k;
    return (const float *)job->nd->in[i_in]->data + head * width;
}

#endif
