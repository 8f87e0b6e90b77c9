/* SPDX-License-Identifier: MIT
 *
 * The scores of a tile are computed again and P follows from the log-sum-exp that forward
 * saved.  dq of a tile and dk, dv of a piece are summed in scratch and added to the
 * gradients at the end.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/attention_block.h>
#include <libtrain/ops/attention_job.h>

#include <omp.h>
#include <string.h>

enum { TILE = TR__ATT_TILE };

/* delta = sum of dO * O over a head, which is what sum of P * dP over the keys comes to. */
static void load_upstream(const struct tr__att_job *job, const struct tr__att_tile *tile,
                          int i_head, struct tr__att_work *w)
{
    const struct tr_tensor *out = job->nd->out;
    const float *saved = job->nd->saved + i_head * job->n + tile->q0;
    int64_t ld = job->ld, column = i_head * job->opt->head_dim;
    const float *o = (const float *)out->data + column;
    tr__att_load(job, out->grad + column, out->ld, tile->q0, tile->nq, TILE, w->dout);
    tr__att_load(job, o, out->ld, tile->q0, tile->nq, TILE, w->o);
    if (job->opt->bf16) /* so that dP and delta are made of the same numbers */
        tr__tile_round_bf16(w->dout, TILE * ld);
    tr__att_transpose(job, w->dout, w->dout_t);
    for (int64_t j = 0; j < TILE; j++) {
        float sum = 0;
        for (int64_t d = 0; d < ld; d++)
            sum += w->dout[j * ld + d] * w->o[j * ld + d];
        w->delta[j] = sum;
        w->keep[j] = 1; /* gradients only add up */
        w->lse[j] = j < tile->nq ? saved[j] : 0;
    }
}

/* exp(x), or 0 where that is nothing beside 1 but could make subnormal products, which
 * take many times as long. */
static inline float probability(float x)
{
    float p = tr__expf(x);
    return p < 1e-25f ? 0 : p;
}

/* s: scores -> P = exp(s - lse);  ds: dP -> dS = P * (dP - delta) */
static void gradient_block(const struct att_block *b, struct tr__att_work *w)
{
    for (int64_t i = 0; i < b->n_key; i++) {
        float *s = w->s + i * ATT_LD, *ds = w->ds + i * ATT_LD;
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++) {
            s[j] = probability(s[j] - w->lse[j]);
            ds[j] = s[j] * (ds[j] - w->delta[j]);
        }
    }
}

/* The same behind s = cap * tanh(raw / cap), whose derivative is 1 - (s / cap)^2.  A hidden
 * score is still -inf here. */
static void gradient_block_capped(const struct att_block *b, float cap,
                                  struct tr__att_work *w)
{
    float inverse = 1.0f / cap;
    for (int64_t i = 0; i < b->n_key; i++) {
        float *s = w->s + i * ATT_LD, *ds = w->ds + i * ATT_LD;
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++) {
            float t = tr__tanhf(s[j] * inverse);
            float p = probability(cap * t - w->lse[j]);
            s[j] = s[j] == -INFINITY ? 0 : p;
            ds[j] = s[j] * (ds[j] - w->delta[j]) * (1.0f - t * t);
        }
    }
}

static void backward_block(const struct tr__att_job *job, const struct tr__att_tile *tile,
                           const struct att_block *b, int64_t at, struct tr__att_work *w)
{
    int64_t ld = job->ld;
    att_scores(b, job->opt->head_dim, w->k + at, ld, w->q_t, w->s);
    att_scores(b, job->opt->head_dim, w->v + at, ld, w->dout_t, w->ds);
    att_hide(tile, b, w->first, w->s);
    if (job->opt->soft_cap > 0)
        gradient_block_capped(b, job->opt->soft_cap, w);
    else
        gradient_block(b, w);
    if (job->nd->in[TR__ATT_V]->grad)
        att_sum_queries(b, w->s, w->dout, ld, w->dv + at, w->keep);
    if (job->nd->in[TR__ATT_K]->grad)
        att_sum_queries(b, w->ds, w->q, ld, w->dk + at, w->keep);
    if (job->nd->in[TR__ATT_Q]->grad)
        att_sum_keys(b, w->ds, w->k + at, ld, w->dq, w->keep);
}

static void backward_tile(const struct tr__att_job *job, const struct tr__att_piece *piece,
                          const struct tr__att_tile *tile, int i_head,
                          struct tr__att_work *w)
{
    tr__att_load_queries(job, tile, i_head, w);
    load_upstream(job, tile, i_head, w);
    memset(w->dq, 0, (size_t)(TILE * job->ld) * sizeof *w->dq);
    for (struct att_block b = att_first_block(tile, job->opt->bf16); b.n_key;
         b = att_next_block(tile, b))
        backward_block(job, tile, &b, tr__att_key_at(job, piece, b.key), w);
    const struct tr_tensor *q = job->nd->in[TR__ATT_Q];
    for (int64_t j = 0; q->grad && j < tile->nq; j++) {
        float *dq = q->grad + (tile->q0 + j) * q->ld + i_head * job->opt->head_dim;
        float scale = tr__att_scale(job->nd->args, tile->q0 + j);
        for (int64_t d = 0; d < job->opt->head_dim; d++)
            dq[d] += scale * w->dq[j * job->ld + d];
    }
}

/* Add rows `from` … `end` - 1 of a piece's dk or dv to the gradient. */
static void add_keys(const struct tr__att_job *job, const struct tr__att_piece *piece,
                     int i_in, int i_kv, int64_t from, int64_t end, const float *packed)
{
    const struct tr_tensor *t = job->nd->in[i_in];
    int64_t width = job->opt->head_dim;
    for (int64_t key = from; t->grad && key < end; key++) {
        float *to = t->grad + key * t->ld + i_kv * width;
        for (int64_t d = 0; d < width; d++)
            to[d] += packed[tr__att_key_at(job, piece, key) + d];
    }
}

/* Where a shared piece keeps dk; dv follows. */
static float *shared_keys(const struct tr__att_job *job, const struct tr__att_piece *piece,
                          int i_kv)
{
    return job->shared +
           (piece->row * job->opt->n_head_kv + piece->rows * i_kv) * 2 * job->ld;
}

static void backward_task(const struct tr__att_job *job, const struct tr__att_piece *piece,
                          int i_kv, struct tr__att_work w)
{
    int group = job->opt->n_head / job->opt->n_head_kv;
    if (piece->shared) {
        w.dk = shared_keys(job, piece, i_kv);
        w.dv = w.dk + piece->rows * job->ld;
    }
    tr__att_load_keys(job, piece, TR__ATT_K, i_kv, w.k);
    tr__att_load_keys(job, piece, TR__ATT_V, i_kv, w.v);
    memset(w.dk, 0, (size_t)(piece->rows * job->ld) * sizeof *w.dk);
    memset(w.dv, 0, (size_t)(piece->rows * job->ld) * sizeof *w.dv);
    for (int32_t i = piece->i_tile; i < piece->end_tile; i++)
        for (int h = i_kv * group; h < (i_kv + 1) * group; h++)
            backward_tile(job, piece, &job->plan.tile[i], h, &w);
    if (piece->shared)
        return;
    add_keys(job, piece, TR__ATT_K, i_kv, piece->k0, piece->q1, w.dk);
    add_keys(job, piece, TR__ATT_V, i_kv, piece->k0, piece->q1, w.dv);
}

/* Keys t0 … t1 - 1 of all shared pieces. */
static void add_shared(const struct tr__att_job *job, int i_kv, int64_t t0, int64_t t1)
{
    for (int32_t i = 0; i < job->plan.n_piece; i++) {
        const struct tr__att_piece *piece = &job->plan.piece[i];
        if (!piece->shared)
            continue;
        int64_t from = piece->k0 > t0 ? piece->k0 : t0;
        int64_t end = piece->q1 < t1 ? piece->q1 : t1;
        const float *dk = shared_keys(job, piece, i_kv);
        add_keys(job, piece, TR__ATT_K, i_kv, from, end, dk);
        add_keys(job, piece, TR__ATT_V, i_kv, from, end, dk + piece->rows * job->ld);
    }
}

/* Of one head: a sink has P like a key, and dP = 0 since it has no value. */
static double sink_gradient(const struct tr__att_job *job, int64_t i_head)
{
    const struct tr_tensor *out = job->nd->out;
    const float *lse = job->nd->saved + i_head * job->n;
    int64_t width = job->opt->head_dim, column = i_head * width;
    float sink = tr__att_sink(job->nd, i_head);
    double sum = 0;
    for (int64_t t = 0; t < job->n; t++)
        sum -= (double)tr__expf(sink - lse[t]) *
               (double)tr_f32.dot(tr_tensor_grad_row(out, t) + column,
                                  tr_tensor_row(out, t) + column, width);
    return sum;
}

static void add_sinks(const struct tr__att_job *job)
{
    struct tr_tensor *sinks = job->nd->in[TR__ATT_SINKS];
    if (!sinks || !sinks->grad)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t h = 0; h < job->opt->n_head; h++)
        sinks->grad[h] += (float)sink_gradient(job, h);
}

void tr__att_backward(struct tr_node *nd)
{
    size_t mark = tr_arena_mark(nd->scratch);
    struct tr__att_job job = tr__att_job(nd, 1);
    int n_kv = job.opt->n_head_kv, n_task = job.plan.n_piece * n_kv;
#pragma omp parallel
    {
#pragma omp for schedule(dynamic, 1)
        for (int i = 0; i < n_task; i++)
            backward_task(&job, &job.plan.piece[i / n_kv], i % n_kv,
                          job.work[omp_get_thread_num()]);
        if (job.plan.shared_rows)
#pragma omp for collapse(2) schedule(static)
            for (int i_kv = 0; i_kv < n_kv; i_kv++)
                for (int64_t t0 = 0; t0 < job.n; t0 += TILE)
                    add_shared(&job, i_kv, t0, t0 + TILE);
    }
    add_sinks(&job);
    tr_arena_rewind(nd->scratch, mark);
}
