/* SPDX-License-Identifier: MIT
 *
 * What both passes of the gated delta rule share.  Inside a chunk (chunk.c) every pair of
 * rows is a number of a triangle, and the state is touched once: all of it is products of
 * small matrices (tile.c).  Derivation and the meaning of the letters: docs/maths/delta.md;
 * next: delta.c.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/delta_job.h>

#include <omp.h>
#include <string.h>

enum { CHUNK = TR__CHUNK, ROWS = TR__TILE_ROWS };

/* ---- the work of a call ------------------------------------------------------------- */

static float *floats(struct tr_arena *a, int64_t rows, int64_t cols)
{
    return tr_arena_array(a, (size_t)(rows * cols), sizeof(float));
}

static struct tr__delta_work new_work(struct tr_arena *a, const struct tr_delta_rule *opt)
{
    int64_t d_k = opt->head_k, d_v = opt->head_v;
    return (struct tr__delta_work){
        .qk = floats(a, 2 * CHUNK, d_k), .inverse = floats(a, 2, CHUNK),
        .k_t = floats(a, d_k, CHUNK),    .decay = floats(a, CHUNK, CHUNK),
        .p = floats(a, CHUNK, CHUNK),    .a = floats(a, CHUNK, CHUNK),
        .beta = floats(a, 1, CHUNK),     .g = floats(a, 1, CHUNK),
        .from_start = floats(a, 1, CHUNK), .k_end = floats(a, CHUNK, d_k),
        .o = floats(a, CHUNK, d_v),      .u = floats(a, CHUNK, d_v),
        .s = floats(a, d_k, d_v),
        .keep = floats(a, 1, d_k > CHUNK ? d_k : CHUNK),
    };
}

static void add_backward(struct tr_arena *a, const struct tr_delta_rule *opt,
                         int64_t n_chunk, struct tr__delta_work *w)
{
    int64_t d_k = opt->head_k, d_v = opt->head_v;
    w->states = floats(a, n_chunk * d_k, d_v);
    w->values = floats(a, n_chunk * CHUNK, d_v);
    w->tdy = floats(a, 3 * CHUNK, d_v);
    w->mn = floats(a, 2 * CHUNK, d_k);
    w->dk = floats(a, CHUNK, d_k);
    w->dp = floats(a, CHUNK, CHUNK);
    w->da = floats(a, CHUNK, CHUNK);
    w->u_t = floats(a, d_v, CHUNK);
    w->s_t = floats(a, d_v, d_k);
    w->ds_t = floats(a, d_v, d_k);
    w->ds = floats(a, d_k, d_v);
}

static struct tr__delta_work *all_work(struct tr_arena *a, const struct tr_delta_rule *opt,
                                       int64_t n_chunk, int backward)
{
    int n_thread = omp_get_max_threads();
    struct tr__delta_work *work = tr_arena_array(a, (size_t)n_thread, sizeof *work);
    for (int i = 0; i < n_thread; i++) {
        struct tr__delta_work w = new_work(a, opt);
        if (backward)
            add_backward(a, opt, n_chunk, &w);
        if (work)
            work[i] = w;
    }
    return work;
}

struct tr__delta_job tr__delta_job(const struct tr_node *nd, int backward)
{
    const struct tr__delta_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out);
    struct tr__delta_job job = { .nd = nd, .opt = &args->opt };
    job.document = tr__chunk_documents(nd->scratch, args->pos, n);
    job.work = all_work(nd->scratch, job.opt, tr__chunk_most(args->pos, n), backward);
    return job;
}

/* The allocations of tr__delta_job. */
size_t tr__delta_scratch(const struct tr_node *nd, int backward)
{
    const struct tr__delta_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out);
    struct tr_arena count;
    tr_arena_init_counting(&count);
    tr__chunk_documents(&count, args->pos, n);
    all_work(&count, &args->opt, tr__chunk_most(args->pos, n), backward);
    return count.peak;
}

/* ---- a chunk ------------------------------------------------------------------------ */

/* to = times * x / sqrt(|x|^2 + eps), row by row. */
static void load_normed(const struct tr__delta_job *job, int i_in, int head, float times,
                        const struct tr__delta_work *w, float *to, float *inverse)
{
    int64_t width = job->opt->head_k, ld = job->nd->in[i_in]->ld;
    const float *x = tr__delta_head(job, i_in, head) + w->t0 * ld;
    for (int64_t i = 0; i < w->n; i++, x += ld, to += width) {
        float sum = 0;
        tr__chunk_look_ahead(x, ld, width, i, w->n);
#pragma omp simd reduction(+ : sum)
        for (int64_t d = 0; d < width; d++)
            sum += x[d] * x[d];
        inverse[i] = times / sqrtf(sum + job->opt->eps);
        for (int64_t d = 0; d < width; d++)
            to[d] = x[d] * inverse[i];
    }
}

static void load_gates(const struct tr__delta_job *job, int head, struct tr__delta_work *w)
{
    const struct tr_tensor *g = job->nd->in[TR__DELTA_G], *b = job->nd->in[TR__DELTA_BETA];
    float sum = 0;
    for (int64_t i = 0; i < w->n; i++) {
        w->g[i] = ((const float *)g->data)[(w->t0 + i) * g->ld + head];
        w->beta[i] = ((const float *)b->data)[(w->t0 + i) * b->ld + head];
        sum += w->g[i];
        w->from_start[i] = tr__expf(sum);
    }
}

static void make_pairs(int64_t d_k, struct tr__delta_work *w)
{
    tr__chunk_pairs(w->n, d_k, w->qk, d_k, w->k_t, w->p);
    tr__chunk_pairs(w->n, d_k, w->qk + w->n * d_k, d_k, w->k_t, w->a);
    for (int64_t i = 0; i < w->n; i++) {
        float *p = w->p + i * CHUNK, *a = w->a + i * CHUNK;
        const float *decay = w->decay + i * CHUNK;
        int64_t end = i / TR__TILE_COLS * TR__TILE_COLS + TR__TILE_COLS;
        for (int64_t j = 0; j < end; j++) {
            p[j] *= decay[j];
            a[j] = j < i ? -a[j] * decay[j] : 0;
        }
    }
}

void tr__delta_load(const struct tr__delta_job *job, int head, int64_t t0, int64_t n,
                    struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k;
    w->t0 = t0;
    w->n = n;
    w->lanes = tr__chunk_lanes(n);
    float *k = w->qk + n * d_k;
    load_normed(job, TR__DELTA_Q, head, job->opt->scale, w, w->qk, w->inverse);
    load_normed(job, TR__DELTA_K, head, 1, w, k, w->inverse + n);
    tr__chunk_columns(n, d_k, k, d_k, w->k_t);
    load_gates(job, head, w);
    tr__chunk_decay(n, w->g, w->decay);
    make_pairs(d_k, w);
    const float *to_end = w->decay + (n - 1) * CHUNK;
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < d_k; d++)
            w->k_end[i * d_k + d] = to_end[i] * k[i * d_k + d];
}

/* u_i = beta_i (w_i + sum over j < i of a_ij u_j), in place of w; a few rows at a time take
 * the sum over all rows before them. */
static void solve(int64_t width, const struct tr__delta_work *w)
{
    float *u = w->u;
    for (int64_t i0 = 0; i0 < w->n; i0 += ROWS) {
        int64_t end = i0 + ROWS < w->n ? i0 + ROWS : w->n;
        const float *a = w->a + i0 * CHUNK;
        float *block = u + i0 * width;
        tr__tile_product(end - i0, width, i0, (struct tr__tile){ a, CHUNK, 1 }, u, width,
                         block, width, w->keep);
        for (int64_t i = i0; i < end; i++) {
            float *row = u + i * width;
            tr__tile_product(1, width, i - i0,
                             (struct tr__tile){ w->a + i * CHUNK + i0, CHUNK, 1 }, block,
                             width, row, width, w->keep);
            for (int64_t d = 0; d < width; d++)
                row[d] *= w->beta[i];
        }
    }
}

void tr__delta_values(const struct tr__delta_job *job, int head, const float *s,
                      struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v, n = w->n;
    const struct tr_tensor *v = job->nd->in[TR__DELTA_V];
    float *u = w->u;
    if (s)
        tr__tile_product(n, d_v, d_k, (struct tr__tile){ w->qk + n * d_k, d_k, 1 }, s, d_v,
                         u, d_v, NULL);
    else
        memset(u, 0, (size_t)(n * d_v) * sizeof *u);
    const float *row = tr__delta_head(job, TR__DELTA_V, head) + w->t0 * v->ld;
    for (int64_t i = 0; i < n; i++, row += v->ld) {
        tr__chunk_look_ahead(row, v->ld, d_v, i, n);
        for (int64_t d = 0; d < d_v; d++)
            u[i * d_v + d] = row[d] - w->from_start[i] * u[i * d_v + d];
    }
    tr__chunk_fill(w->keep, CHUNK, 1);
    solve(d_v, w);
}

void tr__delta_advance(const struct tr__delta_job *job, const float *s, float *to,
                       struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v;
    if (s && s != to)
        memcpy(to, s, (size_t)(d_k * d_v) * sizeof *to);
    tr__chunk_fill(w->keep, d_k, w->from_start[w->n - 1]);
    tr__tile_product(d_k, d_v, w->n, (struct tr__tile){ w->k_end, 1, d_k },
                     w->u, d_v, to, d_v, s ? w->keep : NULL);
}
