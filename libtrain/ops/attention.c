/* SPDX-License-Identifier: MIT
 *
 * A task is one piece of the plan and one kv head: it copies the keys and values of the
 * piece into contiguous rows, then takes its queries tile by tile, head by head, over
 * blocks of keys.  Derivation: docs/maths/attention.md.
 *
 * Every task writes only rows and heads of its own.  Where pieces share keys, the sums for
 * dk and dv stay apart until all tasks are done and are then added in the order of pieces.
 */
#include <libtrain/internal/attention_block.h>
#include <libtrain/internal/op.h>
#include <libtrain/internal/vmath.h>
#include <libtrain/ops.h>

#include <omp.h>
#include <string.h>

enum { Q, K, V };
enum { TILE = TR__ATT_TILE, MARGIN = TR__ATT_MARGIN };

struct attention_args {
    struct tr_attention opt;
    const int32_t *pos; /* (n) */
};

/* Scratch of one thread.  Rows of heads are padded with zeros to `ld` numbers. */
struct work {
    float *k, *v;              /* (rows, ld) of a piece; row MARGIN is key k0 */
    float *dk, *dv;            /* (rows, ld) */
    float *q, *o, *dout, *dq;  /* (TILE, ld); q is scaled */
    float *q_t, *dout_t;       /* (head_dim, TILE) */
    float *s, *ds;             /* (TILE keys, TILE queries) */
    float *max, *sum, *keep, *delta; /* (TILE) */
    int32_t *first;            /* (TILE) */
};

/* What all tasks of a call share. */
struct job {
    const struct tr_node *nd;
    const struct tr_attention *opt;
    struct tr__att_plan plan;
    int64_t n, ld;
    struct work *work; /* one a thread */
    float *shared;     /* dk and dv of the shared pieces, per piece and kv head */
};

static float *floats(struct tr_arena *a, int64_t rows, int64_t cols)
{
    return tr_arena_array(a, (size_t)(rows * cols), sizeof(float));
}

static struct work new_work(struct tr_arena *a, int head_dim, int64_t rows, int backward)
{
    int64_t ld = att_round_up(head_dim, TR__TILE_COLS);
    struct work w = { .k = floats(a, rows, ld), .v = floats(a, rows, ld),
                      .q = floats(a, TILE, ld), .o = floats(a, TILE, ld),
                      .q_t = floats(a, head_dim, TILE), .s = floats(a, TILE, TILE),
                      .max = floats(a, 4, TILE),
                      .first = tr_arena_array(a, TILE, sizeof(int32_t)) };
    if (backward) {
        w.dk = floats(a, rows, ld);
        w.dv = floats(a, rows, ld);
        w.dout = floats(a, TILE, ld);
        w.dq = floats(a, TILE, ld);
        w.dout_t = floats(a, head_dim, TILE);
        w.ds = floats(a, TILE, TILE);
    }
    if (w.max) {
        w.sum = w.max + TILE;
        w.keep = w.sum + TILE;
        w.delta = w.keep + TILE;
    }
    return w;
}

static struct job new_job(const struct tr_node *nd, int backward)
{
    const struct attention_args *args = nd->args;
    const struct tr_attention *opt = &args->opt;
    struct tr_arena *a = nd->scratch;
    struct job job = { .nd = nd, .opt = opt, .n = tr_tensor_rows(nd->out),
                       .ld = att_round_up(opt->head_dim, TR__TILE_COLS) };
    job.plan = tr__att_plan(a, args->pos, job.n, opt->window, opt->n_head_kv);
    int n_thread = omp_get_max_threads();
    job.work = tr_arena_array(a, (size_t)n_thread, sizeof *job.work);
    for (int i = 0; i < n_thread; i++)
        job.work[i] = new_work(a, opt->head_dim, job.plan.max_rows, backward);
    if (backward)
        job.shared = floats(a, job.plan.shared_rows * opt->n_head_kv, 2 * job.ld);
    return job;
}

static size_t attention_scratch(const struct tr_node *nd)
{
    const struct tr_attention *opt = &((const struct attention_args *)nd->args)->opt;
    int64_t n = tr_tensor_rows(nd->out), ld = att_round_up(opt->head_dim, TR__TILE_COLS);
    struct tr__att_bound bound = tr__att_bound(n, opt->n_head_kv);
    struct tr_arena count;
    tr_arena_init_counting(&count);
    tr_arena_alloc(&count, bound.bytes);
    int n_thread = omp_get_max_threads();
    tr_arena_array(&count, (size_t)n_thread, sizeof(struct work));
    for (int i = 0; i < n_thread; i++)
        new_work(&count, opt->head_dim, bound.max_rows, nd->with_grad);
    if (nd->with_grad)
        floats(&count, bound.shared_rows * opt->n_head_kv, 2 * ld);
    return count.peak;
}

/* ---- copies between tensors and tiles ----------------------------------------------- */

/* Rows t0 … t0 + n - 1 of a head, times scale, padded with zeros to n_padded rows of ld.
 * Rows are often a page or more apart, where no hardware looks ahead. */
static void load(const struct job *job, const float *head, int64_t head_ld, int64_t t0,
                 int64_t n, float scale, int64_t n_padded, float *to)
{
    enum { AHEAD = 8 };
    int64_t width = job->opt->head_dim, ld = job->ld;
    for (int64_t i = 0; i < n; i++) {
        const float *from = head + (t0 + i) * head_ld;
        for (int64_t d = 0; i + AHEAD < n && d < width; d += 16)
            __builtin_prefetch(from + AHEAD * head_ld + d);
        for (int64_t d = 0; d < width; d++)
            to[i * ld + d] = scale * from[d];
        for (int64_t d = width; d < ld; d++)
            to[i * ld + d] = 0;
    }
    memset(to + n * ld, 0, (size_t)((n_padded - n) * ld) * sizeof *to);
}

/* The same tile with queries along the rows. */
static void transpose(const struct job *job, const float *from, float *to)
{
    enum { B = TR__TILE_COLS };
    for (int64_t d0 = 0; d0 < job->opt->head_dim; d0 += B)
        for (int64_t j0 = 0; j0 < TILE; j0 += B)
            for (int64_t d = d0; d < d0 + B && d < job->opt->head_dim; d++)
                for (int64_t j = j0; j < j0 + B; j++)
                    to[d * TILE + j] = from[j * job->ld + d];
}

static void load_keys(const struct job *job, const struct tr__att_piece *piece, int i_in,
                      int i_kv, float *to)
{
    const struct tr_tensor *t = job->nd->in[i_in];
    int64_t n = piece->q1 - piece->k0;
    memset(to, 0, (size_t)(MARGIN * job->ld) * sizeof *to);
    load(job, (const float *)t->data + i_kv * job->opt->head_dim, t->ld, piece->k0, n, 1,
         n + MARGIN, to + MARGIN * job->ld);
}

static void load_queries(const struct job *job, const struct tr__att_tile *tile, int i_head,
                         struct work *w)
{
    const struct tr_tensor *q = job->nd->in[Q];
    load(job, (const float *)q->data + i_head * job->opt->head_dim, q->ld, tile->q0,
         tile->nq, job->opt->scale, TILE, w->q);
    transpose(job, w->q, w->q_t);
    for (int32_t j = 0; j < TILE; j++)
        w->first[j] = j < tile->nq ? job->plan.first[tile->q0 + j] : INT32_MAX;
}

/* Where the packed row of a key is. */
static int64_t key_at(const struct job *job, const struct tr__att_piece *piece, int64_t key)
{
    return (key - piece->k0 + MARGIN) * job->ld;
}

/* ---- forward -------------------------------------------------------------------------- */

static void cap_scores(const struct att_block *b, float cap, float *s)
{
    float inverse = 1.0f / cap;
    for (int64_t i = 0; i < b->n_key; i++)
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++)
            s[i * ATT_LD + j] = cap * tr__tanhf(s[i * ATT_LD + j] * inverse);
}

/* Scores become exp(s - max); max, sum and keep = exp(old max - new max) follow.  A query
 * that has seen no key yet has max = -inf. */
static void softmax_block(const struct att_block *b, struct work *w)
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

static void store_out(const struct job *job, const struct tr__att_tile *tile, int i_head,
                      const struct work *w)
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

static void forward_tile(const struct job *job, const struct tr__att_piece *piece,
                         const struct tr__att_tile *tile, int i_head, struct work *w)
{
    load_queries(job, tile, i_head, w);
    memset(w->o, 0, (size_t)(TILE * job->ld) * sizeof *w->o);
    for (int64_t j = 0; j < TILE; j++) {
        w->max[j] = -INFINITY;
        w->sum[j] = 0;
    }
    for (struct att_block b = att_first_block(tile); b.n_key; b = att_next_block(tile, b)) {
        int64_t at = key_at(job, piece, b.key);
        att_scores(&b, job->opt->head_dim, w->k + at, job->ld, w->q_t, w->s);
        if (job->opt->soft_cap > 0)
            cap_scores(&b, job->opt->soft_cap, w->s);
        att_hide(tile, &b, w->first, w->s);
        softmax_block(&b, w);
        att_sum_keys(&b, w->s, w->v + at, job->ld, w->o, w->keep);
    }
    store_out(job, tile, i_head, w);
}

static void forward_task(const struct job *job, const struct tr__att_piece *piece, int i_kv,
                         struct work *w)
{
    int group = job->opt->n_head / job->opt->n_head_kv;
    load_keys(job, piece, K, i_kv, w->k);
    load_keys(job, piece, V, i_kv, w->v);
    for (int32_t i = piece->i_tile; i < piece->end_tile; i++)
        for (int h = i_kv * group; h < (i_kv + 1) * group; h++)
            forward_tile(job, piece, &job->plan.tile[i], h, w);
}

static void attention_forward(struct tr_node *nd)
{
    size_t mark = tr_arena_mark(nd->scratch);
    struct job job = new_job(nd, 0);
    int n_kv = job.opt->n_head_kv, n_task = job.plan.n_piece * n_kv;
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < n_task; i++)
        forward_task(&job, &job.plan.piece[i / n_kv], i % n_kv,
                     &job.work[omp_get_thread_num()]);
    tr_arena_rewind(nd->scratch, mark);
}

/* ---- backward ------------------------------------------------------------------------- */

/* delta = sum of dO * O over a head, which is what sum of P * dP over the keys comes to. */
static void load_upstream(const struct job *job, const struct tr__att_tile *tile,
                          int i_head, struct work *w)
{
    const struct tr_tensor *out = job->nd->out;
    int64_t column = i_head * job->opt->head_dim, ld = job->ld;
    const float *saved = job->nd->saved + i_head * job->n + tile->q0;
    load(job, out->grad + column, out->ld, tile->q0, tile->nq, 1, TILE, w->dout);
    load(job, (const float *)out->data + column, out->ld, tile->q0, tile->nq, 1, TILE,
         w->o);
    transpose(job, w->dout, w->dout_t);
    for (int64_t j = 0; j < TILE; j++) {
        float sum = 0;
        for (int64_t d = 0; d < ld; d++)
            sum += w->dout[j * ld + d] * w->o[j * ld + d];
        w->delta[j] = sum;
        w->max[j] = j < tile->nq ? saved[j] : 0;
    }
}

/* s: scores -> P = exp(s - lse);  ds: dP -> dS = P * (dP - delta) */
static void gradient_block(const struct att_block *b, struct work *w)
{
    for (int64_t i = 0; i < b->n_key; i++) {
        float *s = w->s + i * ATT_LD, *ds = w->ds + i * ATT_LD;
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++) {
            s[j] = tr__expf(s[j] - w->max[j]);
            ds[j] = s[j] * (ds[j] - w->delta[j]);
        }
    }
}

/* The same behind s = cap * tanh(raw / cap), whose derivative is 1 - (s / cap)^2.  A hidden
 * score is still -inf here. */
static void gradient_block_capped(const struct att_block *b, float cap, struct work *w)
{
    float inverse = 1.0f / cap;
    for (int64_t i = 0; i < b->n_key; i++) {
        float *s = w->s + i * ATT_LD, *ds = w->ds + i * ATT_LD;
        for (int64_t j = att_first_lane(b, i); j < b->lanes; j++) {
            float t = tr__tanhf(s[j] * inverse);
            float p = tr__expf(cap * t - w->max[j]);
            s[j] = s[j] == -INFINITY ? 0 : p;
            ds[j] = s[j] * (ds[j] - w->delta[j]) * (1.0f - t * t);
        }
    }
}

static void backward_block(const struct job *job, const struct tr__att_tile *tile,
                           const struct att_block *b, int64_t at, struct work *w)
{
    static const float ones[TILE] = {
#define ONES_8 1, 1, 1, 1, 1, 1, 1, 1
        ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8
    };
    int64_t ld = job->ld;
    att_scores(b, job->opt->head_dim, w->k + at, ld, w->q_t, w->s);
    att_scores(b, job->opt->head_dim, w->v + at, ld, w->dout_t, w->ds);
    att_hide(tile, b, w->first, w->s);
    if (job->opt->soft_cap > 0)
        gradient_block_capped(b, job->opt->soft_cap, w);
    else
        gradient_block(b, w);
    if (job->nd->in[V]->grad)
        att_sum_queries(b, w->s, w->dout, ld, w->dv + at, ones);
    if (job->nd->in[K]->grad)
        att_sum_queries(b, w->ds, w->q, ld, w->dk + at, ones);
    if (job->nd->in[Q]->grad)
        att_sum_keys(b, w->ds, w->k + at, ld, w->dq, ones);
}

static void backward_tile(const struct job *job, const struct tr__att_piece *piece,
                          const struct tr__att_tile *tile, int i_head, struct work *w)
{
    load_queries(job, tile, i_head, w);
    load_upstream(job, tile, i_head, w);
    memset(w->dq, 0, (size_t)(TILE * job->ld) * sizeof *w->dq);
    for (struct att_block b = att_first_block(tile); b.n_key; b = att_next_block(tile, b))
        backward_block(job, tile, &b, key_at(job, piece, b.key), w);
    const struct tr_tensor *q = job->nd->in[Q];
    for (int64_t j = 0; q->grad && j < tile->nq; j++) {
        float *dq = q->grad + (tile->q0 + j) * q->ld + i_head * job->opt->head_dim;
        for (int64_t d = 0; d < job->opt->head_dim; d++)
            dq[d] += job->opt->scale * w->dq[j * job->ld + d];
    }
}

/* Add rows `from` … `end` - 1 of a piece's dk or dv to the gradient. */
static void add_keys(const struct job *job, const struct tr__att_piece *piece, int i_in,
                     int i_kv, int64_t from, int64_t end, const float *packed)
{
    const struct tr_tensor *t = job->nd->in[i_in];
    int64_t width = job->opt->head_dim;
    for (int64_t key = from; t->grad && key < end; key++) {
        float *to = t->grad + key * t->ld + i_kv * width;
        for (int64_t d = 0; d < width; d++)
            to[d] += packed[key_at(job, piece, key) + d];
    }
}

/* Where a shared piece keeps dk; dv follows. */
static float *shared_keys(const struct job *job, const struct tr__att_piece *piece, int i_kv)
{
    return job->shared +
           (piece->row * job->opt->n_head_kv + piece->rows * i_kv) * 2 * job->ld;
}

static void backward_task(const struct job *job, const struct tr__att_piece *piece,
                          int i_kv, struct work w)
{
    int group = job->opt->n_head / job->opt->n_head_kv;
    if (piece->shared) {
        w.dk = shared_keys(job, piece, i_kv);
        w.dv = w.dk + piece->rows * job->ld;
    }
    load_keys(job, piece, K, i_kv, w.k);
    load_keys(job, piece, V, i_kv, w.v);
    memset(w.dk, 0, (size_t)(piece->rows * job->ld) * sizeof *w.dk);
    memset(w.dv, 0, (size_t)(piece->rows * job->ld) * sizeof *w.dv);
    for (int32_t i = piece->i_tile; i < piece->end_tile; i++)
        for (int h = i_kv * group; h < (i_kv + 1) * group; h++)
            backward_tile(job, piece, &job->plan.tile[i], h, &w);
    if (piece->shared)
        return;
    add_keys(job, piece, K, i_kv, piece->k0, piece->q1, w.dk);
    add_keys(job, piece, V, i_kv, piece->k0, piece->q1, w.dv);
}

/* Keys t0 … t1 - 1 of all shared pieces. */
static void add_shared(const struct job *job, int i_kv, int64_t t0, int64_t t1)
{
    for (int32_t i = 0; i < job->plan.n_piece; i++) {
        const struct tr__att_piece *piece = &job->plan.piece[i];
        if (!piece->shared)
            continue;
        int64_t from = piece->k0 > t0 ? piece->k0 : t0;
        int64_t end = piece->q1 < t1 ? piece->q1 : t1;
        const float *dk = shared_keys(job, piece, i_kv);
        add_keys(job, piece, K, i_kv, from, end, dk);
        add_keys(job, piece, V, i_kv, from, end, dk + piece->rows * job->ld);
    }
}

static void attention_backward(struct tr_node *nd)
{
    size_t mark = tr_arena_mark(nd->scratch);
    struct job job = new_job(nd, 1);
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
    tr_arena_rewind(nd->scratch, mark);
}

const struct tr_op tr__op_attention = {
    .name = "attention",
    .forward = attention_forward,
    .backward = attention_backward,
    .scratch = attention_scratch,
};

struct tr_tensor *tr_attention(struct tr_tape *tp, struct tr_tensor *q,
                               struct tr_tensor *k, struct tr_tensor *v,
                               const int32_t *pos, const struct tr_attention *opt)
{
    const struct tr_op *op = &tr__op_attention;
    int64_t n = tr_tensor_rows(q), width = tr_tensor_cols(q);
    int64_t kv_width = (int64_t)opt->n_head_kv * opt->head_dim;
    tr__require(opt->n_head > 0 && opt->n_head_kv > 0 && opt->head_dim > 0, op, q, k);
    tr__require(opt->n_head % opt->n_head_kv == 0, op, q, k);
    tr__require(width == (int64_t)opt->n_head * opt->head_dim, op, q, k);
    tr__require(tr_tensor_rows(k) == n && tr_tensor_cols(k) == kv_width, op, q, k);
    tr__require(tr_tensor_rows(v) == n && tr_tensor_cols(v) == kv_width, op, q, v);
    struct attention_args args = { *opt, tr__keep_ints(tp, pos, n) };
    return tr__run(tp, &(struct tr__call){ .op = op,
                                           .in = { q, k, v },
                                           .out = tr__output(tp, op, 2,
                                                             (int64_t[]){ n, width }),
                                           .args = &args,
                                           .args_bytes = sizeof args,
                                           .n_saved = (size_t)(n * opt->n_head) });
}
