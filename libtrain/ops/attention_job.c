/* SPDX-License-Identifier: MIT
 *
 * What both passes of attention share: the work of a call, shares of the scratch, and copies
 * between rows of a tensor and padded tiles.  attention.c goes forward with it,
 * attention_backward.c back.
 */
#include <libtrain/ops/attention_block.h>
#include <libtrain/ops/attention_job.h>

#include <omp.h>
#include <string.h>

enum { TILE = TR__ATT_TILE, MARGIN = TR__ATT_MARGIN };

static float *floats(struct tr_arena *a, int64_t rows, int64_t cols)
{
    return tr_arena_array(a, (size_t)(rows * cols), sizeof(float));
}

static struct tr__att_work new_work(struct tr_arena *a, int head_dim, int64_t rows,
                                    int backward)
{
    int64_t ld = att_round_up(head_dim, TR__TILE_COLS);
    struct tr__att_work w = { .k = floats(a, rows, ld), .v = floats(a, rows, ld),
                              .q = floats(a, TILE, ld), .o = floats(a, TILE, ld),
                              .q_t = floats(a, head_dim, TILE),
                              .s = floats(a, TILE, TILE),
                              .max = floats(a, 1, TILE), .sum = floats(a, 1, TILE),
                              .keep = floats(a, 1, TILE), .lse = floats(a, 1, TILE),
                              .delta = floats(a, 1, TILE),
                              .first = tr_arena_array(a, TILE, sizeof(int32_t)) };
    if (!backward)
        return w;
    w.dk = floats(a, rows, ld);
    w.dv = floats(a, rows, ld);
    w.dout = floats(a, TILE, ld);
    w.dq = floats(a, TILE, ld);
    w.dout_t = floats(a, head_dim, TILE);
    w.ds = floats(a, TILE, TILE);
    return w;
}

struct tr__att_job tr__att_job(const struct tr_node *nd, int backward)
{
    const struct tr__att_args *args = nd->args;
    const struct tr_attention *opt = &args->opt;
    struct tr_arena *a = nd->scratch;
    struct tr__att_job job = { .nd = nd, .opt = opt, .n = tr_tensor_rows(nd->out),
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

/* One more than the largest position. */
static int64_t longest(const int32_t *pos, int64_t n)
{
    int64_t most = 0;
    for (int64_t t = 0; t < n; t++)
        most = pos[t] >= most ? pos[t] + 1 : most;
    return most;
}

/* The allocations of tr__att_job, for the largest plan that n rows can have of documents no
 * longer than the longest of these. */
size_t tr__att_scratch(const struct tr_node *nd, int backward)
{
    const struct tr__att_args *args = nd->args;
    const struct tr_attention *opt = &args->opt;
    int64_t n = tr_tensor_rows(nd->out), ld = att_round_up(opt->head_dim, TR__TILE_COLS);
    if (tr_tensor_rows(nd->in[TR__ATT_K]) > n) /* attention_cached.c takes none */
        return 0;
    struct tr__att_bound bound =
        tr__att_bound(n, longest(args->pos, n), opt->n_head_kv);
    struct tr_arena count;
    tr_arena_init_counting(&count);
    tr_arena_alloc(&count, bound.bytes);
    int n_thread = omp_get_max_threads();
    tr_arena_array(&count, (size_t)n_thread, sizeof(struct tr__att_work));
    for (int i = 0; i < n_thread; i++)
        new_work(&count, opt->head_dim, bound.max_rows, backward);
    if (backward)
        floats(&count, bound.shared_rows * opt->n_head_kv, 2 * ld);
    return count.peak;
}

/* ---- copies between tensors and tiles ----------------------------------------------- */

void tr__att_load(const struct tr__att_job *job, const float *head, int64_t head_ld,
                  int64_t t0, int64_t n, int64_t n_padded, float *to)
{
    enum { AHEAD = 8 }; /* rows are often a page apart, where no hardware looks ahead */
    int64_t width = job->opt->head_dim, ld = job->ld;
    for (int64_t i = 0; i < n; i++) {
        const float *from = head + (t0 + i) * head_ld;
        for (int64_t d = 0; i + AHEAD < n && d < width; d += 16)
            __builtin_prefetch(from + AHEAD * head_ld + d);
        for (int64_t d = 0; d < width; d++)
            to[i * ld + d] = from[d];
        for (int64_t d = width; d < ld; d++)
            to[i * ld + d] = 0;
    }
    memset(to + n * ld, 0, (size_t)((n_padded - n) * ld) * sizeof *to);
}

void tr__att_load_keys(const struct tr__att_job *job, const struct tr__att_piece *piece,
                       int i_in, int i_kv, float *to)
{
    const struct tr_tensor *t = job->nd->in[i_in];
    const float *head = (const float *)t->data + i_kv * job->opt->head_dim;
    int64_t n = piece->q1 - piece->k0;
    memset(to, 0, (size_t)(MARGIN * job->ld) * sizeof *to);
    tr__att_load(job, head, t->ld, piece->k0, n, n + MARGIN, to + MARGIN * job->ld);
}

void tr__att_transpose(const struct tr__att_job *job, const float *from, float *to)
{
    tr__tile_transpose(TILE, job->opt->head_dim, from, job->ld, to, TILE);
}

void tr__att_load_queries(const struct tr__att_job *job, const struct tr__att_tile *tile,
                          int i_head, struct tr__att_work *w)
{
    const struct tr_tensor *q = job->nd->in[TR__ATT_Q];
    const float *head = (const float *)q->data + i_head * job->opt->head_dim;
    tr__att_load(job, head, q->ld, tile->q0, tile->nq, TILE, w->q);
    for (int64_t j = 0; j < tile->nq; j++) {
        float scale = tr__att_scale(job->nd->args, tile->q0 + j);
        for (int64_t d = 0; d < job->ld; d++)
            w->q[j * job->ld + d] *= scale;
    }
    tr__att_transpose(job, w->q, w->q_t);
    for (int32_t j = 0; j < TILE; j++)
        w->first[j] = j < tile->nq ? job->plan.first[tile->q0 + j] : INT32_MAX;
}
