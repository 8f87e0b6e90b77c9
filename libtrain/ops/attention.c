/* SPDX-License-Identifier: MIT
 *
 * A task is one piece of the plan and one kv head: it copies the keys and values of the
 * piece into contiguous rows, then takes its queries tile by tile, head by head, over
 * blocks of keys.  Derivation: docs/maths/attention.md.
 *
 * Every task writes only rows and heads of its own.  Where pieces share keys, the sums for
 * dk and dv stay apart until all tasks are done and are then added in the order of pieces.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/attention_block.h>
#include <libtrain/ops/attention_job.h>

#include <omp.h>
#include <string.h>

enum { TILE = TR__ATT_TILE };

static void cap_scores(const struct att_block *b, float cap, float *s)
{
    float inverse = 1.0f / cap;
    for (int64_t i = 0; i < b->n_key; i++)
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++)
            s[i * ATT_LD + j] = cap * tr__tanhf(s[i * ATT_LD + j] * inverse);
}

/* Scores become exp(s - max); max, sum and keep = exp(old max - new max) follow.  A query
 * that has seen no key yet has max = -inf. */
static void softmax_block(const struct att_block *b, struct tr__att_work *w)
{
    float base[TILE], part[TILE];
    memcpy(base, w->max, sizeof base);
    memset(part, 0, sizeof part);
    for (int64_t i = 0; i < b->n_key; i++)
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++) {
            float s = w->s[i * ATT_LD + j];
            base[j] = s > base[j] ? s : base[j];
        }
    for (int64_t j = 0; j < b->lanes; j++) {
        float old = w->max[j];
        w->max[j] = base[j];
        base[j] = base[j] == -INFINITY ? 0 : base[j];
        w->keep[j] = tr__expf(old - base[j]);
    }
    for (int64_t i = 0; i < b->n_key; i++)
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++) {
            float p = tr__expf(w->s[i * ATT_LD + j] - base[j]);
            w->s[i * ATT_LD + j] = p;
            part[j] += p;
        }
    for (int64_t j = 0; j < b->lanes; j++)
        w->sum[j] = w->sum[j] * w->keep[j] + part[j];
}

static void store_out(const struct tr__att_job *job, const struct tr__att_tile *tile,
                      int i_head, const struct tr__att_work *w)
{
    const struct tr_tensor *out = job->nd->out;
    int64_t width = job->opt->head_dim;
    for (int64_t j = 0; j < tile->nq; j++) {
        float *to = (float *)out->data + (tile->q0 + j) * out->ld + i_head * width;
        float inverse = 1.0f / w->sum[j];
        for (int64_t d = 0; d < width; d++)
            to[d] = w->o[j * job->ld + d] * inverse;
        job->nd->saved[i_head * job->n + tile->q0 + j] = w->max[j] + logf(w->sum[j]);
    }
}

static void forward_tile(const struct tr__att_job *job, const struct tr__att_piece *piece,
                         const struct tr__att_tile *tile, int i_head,
                         struct tr__att_work *w)
{
    tr__att_load_queries(job, tile, i_head, w);
    memset(w->o, 0, (size_t)(TILE * job->ld) * sizeof *w->o);
    for (int64_t j = 0; j < TILE; j++) {
        w->max[j] = tr__att_sink(job->nd, i_head);
        w->sum[j] = 1; /* the sink's part; without one the first key's `keep` is 0 */
    }
    for (struct att_block b = att_first_block(tile, job->opt->bf16); b.n_key;
         b = att_next_block(tile, b)) {
        int64_t at = tr__att_key_at(job, piece, b.key);
        att_scores(&b, job->opt->head_dim, w->k + at, job->ld, w->q_t, w->s);
        if (job->opt->soft_cap > 0)
            cap_scores(&b, job->opt->soft_cap, w->s);
        att_hide(tile, &b, w->first, w->s);
        softmax_block(&b, w);
        att_sum_keys(&b, w->s, w->v + at, job->ld, w->o, w->keep);
    }
    store_out(job, tile, i_head, w);
}

static void forward_task(const struct tr__att_job *job, const struct tr__att_piece *piece,
                         int i_kv, struct tr__att_work *w)
{
    int group = job->opt->n_head / job->opt->n_head_kv;
    tr__att_load_keys(job, piece, TR__ATT_K, i_kv, w->k);
    tr__att_load_keys(job, piece, TR__ATT_V, i_kv, w->v);
    for (int32_t i = piece->i_tile; i < piece->end_tile; i++)
        for (int h = i_kv * group; h < (i_kv + 1) * group; h++)
            forward_tile(job, piece, &job->plan.tile[i], h, w);
}

/* How far row t looks back. */
static int64_t rows_back(const struct tr__att_args *args, int64_t t)
{
    int window = args->opt.window;
    return window && args->pos[t] >= window ? window - 1 : args->pos[t];
}

/* No row may look back beyond the first key.  Backward comes after forward. */
static int positions_fit(const struct tr_node *nd)
{
    const struct tr__att_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out), before = tr_tensor_rows(nd->in[TR__ATT_K]) - n;
    for (int64_t t = 0; t < n; t++)
        if (args->pos[t] < 0 || rows_back(args, t) > before + t) {
            tr_err_set(&nd->scratch->err, TR_EMISMATCH,
                       "attention: position %d in row %lld, there are %lld rows before it",
                       args->pos[t], (long long)t, (long long)(before + t));
            return 0;
        }
    return 1;
}

static void attention_forward(struct tr_node *nd)
{
    if (!positions_fit(nd))
        return;
    if (tr_tensor_rows(nd->in[TR__ATT_K]) > tr_tensor_rows(nd->out)) {
        tr__att_cached(nd);
        return;
    }
    size_t mark = tr_arena_mark(nd->scratch);
    struct tr__att_job job = tr__att_job(nd, 0);
    int n_kv = job.opt->n_head_kv, n_task = job.plan.n_piece * n_kv;
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < n_task; i++)
        forward_task(&job, &job.plan.piece[i / n_kv], i % n_kv,
                     &job.work[omp_get_thread_num()]);
    tr_arena_rewind(nd->scratch, mark);
}

/* Two products for every pair of a query and a key that it sees; backward computes the
 * scores again and makes four more. */
static double attention_work(const struct tr_node *nd, int backward)
{
    const struct tr__att_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out);
    double pairs = 0;
    for (int64_t t = 0; t < n; t++)
        pairs += 1 + (double)rows_back(args, t);
    return 2.0 * (backward ? 5 : 2) * pairs * (double)tr_tensor_cols(nd->out);
}

const struct tr_op tr__op_attention = {
    .name = "attention",
    .forward = attention_forward,
    .backward = tr__att_backward,
    .scratch = tr__att_scratch,
    .work = attention_work,
    .cheap = 2,
};

struct tr_tensor *tr_attention(struct tr_tape *tp, struct tr_tensor *q,
                               struct tr_tensor *k, struct tr_tensor *v,
                               const int32_t *pos, const struct tr_attention *opt)
{
    const struct tr_op *op = &tr__op_attention;
    int64_t n = tr_tensor_rows(q), width = tr_tensor_cols(q);
    int64_t kv_width = (int64_t)opt->n_head_kv * opt->head_dim;
    tr_op_require(tp, opt->n_head > 0 && opt->n_head_kv > 0 && opt->head_dim > 0, op, q, k);
    tr_op_require(tp, opt->n_head % opt->n_head_kv == 0, op, q, k);
    tr_op_require(tp, width == (int64_t)opt->n_head * opt->head_dim, op, q, k);
    tr_op_require(tp, opt->grow_every >= 0, op, q, k);
    struct tr_tensor *sinks = opt->sinks;
    tr_op_require(tp, !sinks || (sinks->dtype == &tr_f32 &&
                                 tr_tensor_count(sinks) == opt->n_head), op, q, sinks);
    int with_grad = q->needs_grad || k->needs_grad || v->needs_grad;
    int64_t n_key = tr_tensor_rows(k);
    tr_op_require(tp, n_key == n || (n_key > n && !with_grad), op, q, k);
    tr_op_require(tp, tr_tensor_cols(k) == kv_width, op, q, k);
    tr_op_require(tp, tr_tensor_rows(v) == n_key && tr_tensor_cols(v) == kv_width, op, k,
                  v);
    struct tr__att_args args = { *opt, pos };
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { q, k, v, sinks },
                                                .out = tr_op_output(tp, op, 2,
                                                                  (int64_t[]){ n, width }),
                                                .args = &args,
                                                .args_bytes = sizeof args,
                                                .n_saved = (size_t)(n * opt->n_head) });
}
