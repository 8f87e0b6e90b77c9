/* SPDX-License-Identifier: MIT
 *
 * The gated delta rule, backward.  A task is one document and one key head with the value
 * heads that read it, for they add to the same gradients.  Nothing is kept from the forward
 * pass: a sweep through the document makes the states in front of its chunks and what the
 * keys are given, u, again, and a second one goes back with the gradient of the state.
 * Letters and derivation: docs/maths/delta.md.
 */
#include <libtrain/ops/delta_job.h>

#include <omp.h>
#include <string.h>

enum { CHUNK = TR__CHUNK, ROWS = TR__TILE_ROWS };

/* A chunk on the way back. */
struct chunk {
    int head;
    const float *s; /* in front of it; NULL: 0 */
    int last;       /* nothing behind it: ds is 0 */
    const float *u; /* (n, d_v) */
    float *t, *dout, *y; /* parts of tdy */
    float *z, *dq;       /* parts of mn */
};

static void load_dout(const struct tr__delta_job *job, const struct chunk *c,
                      const struct tr__delta_work *w)
{
    const struct tr_tensor *out = job->nd->out;
    int64_t width = job->opt->head_v;
    const float *row = out->grad + w->t0 * out->ld + c->head * width;
    for (int64_t i = 0; i < w->n; i++, row += out->ld) {
        tr__chunk_look_ahead(row, out->ld, width, i, w->n);
        memcpy(c->dout + i * width, row, (size_t)width * sizeof *row);
    }
}

/* t_j = t_j + sum over i > j of a_ij y_i and y_j = beta_j t_j: the solution of delta_job.c
 * from its last row to the first. */
static void solve_back(int64_t width, const struct chunk *c, const struct tr__delta_work *w)
{
    for (int64_t i0 = (w->n - 1) / ROWS * ROWS; i0 >= 0; i0 -= ROWS) {
        int64_t end = i0 + ROWS < w->n ? i0 + ROWS : w->n;
        tr__tile_product(end - i0, width, w->n - end,
                         (struct tr__tile){ w->a + end * CHUNK + i0, 1, CHUNK },
                         c->y + end * width, width, c->t + i0 * width, width, w->keep);
        for (int64_t i = end - 1; i >= i0; i--) {
            float *t = c->t + i * width, *y = c->y + i * width;
            tr__tile_product(1, width, end - 1 - i,
                             (struct tr__tile){ w->a + (i + 1) * CHUNK + i, 1, CHUNK },
                             y + width, width, t, width, w->keep);
            for (int64_t d = 0; d < width; d++)
                y[d] = w->beta[i] * t[d];
        }
    }
}

/* Gradients of u, from the outputs of the chunk and from the state behind it. */
static void value_gradients(const struct tr__delta_job *job, const struct chunk *c,
                            const struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v;
    tr__chunk_fill(w->keep, CHUNK, 1);
    tr__chunk_upper(w->n, d_v, w->p, c->dout, d_v, c->t, d_v, NULL);
    if (!c->last)
        tr__tile_product(w->n, d_v, d_k, (struct tr__tile){ w->k_end, d_k, 1 }, w->ds, d_v,
                         c->t, d_v, w->keep);
    solve_back(d_v, c, w);
}

/* What the products of two rows get, dp and da; what keys and queries get from the state
 * before the chunk, mn, and keys from the one behind it, dk. */
static void products_of_gradients(const struct tr__delta_job *job, const struct chunk *c,
                                  const struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v, n = w->n;
    tr__chunk_columns(n, d_v, c->u, d_v, w->u_t);
    tr__chunk_pairs(n, d_v, c->dout, d_v, w->u_t, w->dp);
    tr__chunk_pairs(n, d_v, c->t, d_v, w->u_t, w->da);
    if (c->s) {
        tr__tile_transpose(d_k, d_v, c->s, d_v, w->s_t, d_k);
        tr__tile_product(2 * n, d_k, d_v, (struct tr__tile){ c->t, d_v, 1 }, w->s_t, d_k,
                         w->mn, d_k, NULL);
    } else {
        memset(w->mn, 0, (size_t)(2 * n * d_k) * sizeof *w->mn);
    }
    if (!c->last) {
        tr__tile_transpose(d_k, d_v, w->ds, d_v, w->ds_t, d_k);
        tr__tile_product(n, d_k, d_v, (struct tr__tile){ c->u, d_v, 1 }, w->ds_t, d_k,
                         w->dk, d_k, NULL);
    } else {
        memset(w->dk, 0, (size_t)(n * d_k) * sizeof *w->dk);
    }
}

/* What the decays from row j to row i get, times these: lane j, row i of the triangles,
 * which become the coefficients of products of keys and queries on the way. */
static void add_pair_row(int64_t i, const struct tr__delta_work *w, float *lane)
{
    float *dp = w->dp + i * CHUNK, *da = w->da + i * CHUNK, beta = w->beta[i];
    const float *p = w->p + i * CHUNK, *a = w->a + i * CHUNK, *decay = w->decay + i * CHUNK;
    int64_t end = i / TR__TILE_COLS * TR__TILE_COLS + TR__TILE_COLS;
    for (int64_t j = 0; j < end; j++) {
        lane[j] += dp[j] * p[j] + beta * da[j] * a[j];
        dp[j] *= decay[j];
        da[j] = j < i ? -da[j] * decay[j] : 0;
    }
}

/* dg_j is the sum over all decays that pass row j: from a row before it, or the state in
 * front of the chunk, to row j, one behind it, or the state behind the chunk.  Taken as
 * such a sum and not as a difference of sums, which may be large where it is small. */
static void decay_gradients(const struct tr__delta_job *job, const struct chunk *c,
                            const struct tr__delta_work *w)
{
    const struct tr_tensor *g = job->nd->in[TR__DELTA_G];
    int64_t d_k = job->opt->head_k, n = w->n;
    const float *q = w->qk, *k = w->qk + n * d_k;
    float lane[CHUNK] = { 0 }, state = 0;
    for (int64_t j = 0; !c->last && j < n; j++)
        lane[j] = tr__chunk_dot(w->k_end + j * d_k, w->dk + j * d_k, d_k);
    if (c->s && !c->last)
        state = w->from_start[n - 1] * tr__chunk_dot(c->s, w->ds, d_k * job->opt->head_v);
    for (int64_t i = n - 1; i >= 0; i--) {
        float dg = 0;
        if (c->s)
            state += w->from_start[i] *
                     (tr__chunk_dot(q + i * d_k, c->dq + i * d_k, d_k) -
                      w->beta[i] * tr__chunk_dot(k + i * d_k, c->z + i * d_k, d_k));
        add_pair_row(i, w, lane);
#pragma omp simd reduction(+ : dg)
        for (int64_t j = 0; j < i; j++)
            dg += lane[j];
        if (g->grad)
            g->grad[(w->t0 + i) * g->ld + c->head] += dg + state;
    }
}

/* z: what a key gets as the row of a, without beta; dq; dk: as a column and from behind. */
static void key_gradients(const struct tr__delta_job *job, const struct chunk *c,
                          const struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, n = w->n;
    const float *q = w->qk, *k = w->qk + n * d_k;
    tr__chunk_lower(n, d_k, w->dp, k, d_k, c->dq, d_k, w->from_start);
    for (int64_t i = 0; i < n; i++)
        w->keep[i] = -w->from_start[i];
    tr__chunk_lower(n, d_k, w->da, k, d_k, c->z, d_k, w->keep);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < w->lanes; j++)
            w->da[i * CHUNK + j] *= w->beta[i];
    tr__chunk_upper(n, d_k, w->dp, q, d_k, w->dk, d_k, w->decay + (n - 1) * CHUNK);
    tr__chunk_fill(w->keep, n, 1);
    tr__chunk_upper(n, d_k, w->da, k, d_k, w->dk, d_k, w->keep);
}

/* Behind x = times * r / sqrt(|r|^2 + eps):  dr += inverse * (dx - x (x dx) / times^2) */
static void add_normed(const struct tr__delta_job *job, int i_in, int head, float times,
                       const struct tr__delta_work *w, const float *x, const float *dx,
                       const float *inverse)
{
    const struct tr_tensor *in = job->nd->in[i_in];
    int64_t width = job->opt->head_k;
    float square = 1.0f / (times * times);
    for (int64_t i = 0; in->grad && i < w->n; i++, x += width, dx += width) {
        float *to = in->grad + (w->t0 + i) * in->ld + head % job->opt->n_head_k * width;
        tr__chunk_look_ahead(to, in->ld, width, i, w->n);
        float along = square * tr__chunk_dot(x, dx, width);
        for (int64_t d = 0; d < width; d++)
            to[d] += inverse[i] * (dx[d] - along * x[d]);
    }
}

/* Add the gradients of q, k, v and beta. */
static void add_gradients(const struct tr__delta_job *job, const struct chunk *c,
                          const struct tr__delta_work *w)
{
    const struct tr_tensor *v = job->nd->in[TR__DELTA_V], *b = job->nd->in[TR__DELTA_BETA];
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v, n = w->n;
    const float *k = w->qk + n * d_k;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = (w->t0 + i) * v->ld + c->head * d_v;
        if (b->grad)
            b->grad[(w->t0 + i) * b->ld + c->head] +=
                tr__chunk_dot(c->t + i * d_v, (const float *)v->data + at, d_v) +
                tr__chunk_dot(k + i * d_k, c->z + i * d_k, d_k);
        for (int64_t d = 0; v->grad && d < d_v; d++)
            v->grad[at + d] += c->y[i * d_v + d];
        for (int64_t d = 0; d < d_k; d++)
            w->dk[i * d_k + d] += w->beta[i] * c->z[i * d_k + d];
    }
    add_normed(job, TR__DELTA_Q, c->head, job->opt->scale, w, w->qk, c->dq, w->inverse);
    add_normed(job, TR__DELTA_K, c->head, 1, w, k, w->dk, w->inverse + n);
}

/* ds becomes the gradient of the state in front of the chunk.  Nothing needs the keys and
 * queries any more. */
static void state_gradient(const struct tr__delta_job *job, const struct chunk *c,
                           const struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v, n = w->n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < d_k; d++) {
            w->qk[i * d_k + d] *= w->from_start[i];
            w->qk[(n + i) * d_k + d] *= -w->from_start[i];
        }
    tr__chunk_fill(w->keep, d_k, w->from_start[n - 1]);
    tr__tile_product(d_k, d_v, 2 * n, (struct tr__tile){ w->qk, 1, d_k }, c->dout, d_v,
                     w->ds, d_v, c->last ? NULL : w->keep);
}

static void backward_chunk(const struct tr__delta_job *job, struct chunk c,
                           struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v;
    c.t = w->tdy;
    c.dout = c.t + w->n * d_v;
    c.y = c.dout + w->n * d_v;
    c.z = w->mn;
    c.dq = c.z + w->n * d_k;
    load_dout(job, &c, w);
    value_gradients(job, &c, w);
    products_of_gradients(job, &c, w);
    decay_gradients(job, &c, w);
    key_gradients(job, &c, w);
    add_gradients(job, &c, w);
    if (c.s)
        state_gradient(job, &c, w);
}

static void backward_document(const struct tr__delta_job *job, int32_t i_document, int head,
                              struct tr__delta_work *w)
{
    int64_t d_v = job->opt->head_v, size = job->opt->head_k * d_v;
    int64_t begin = job->document.begin[i_document];
    int64_t rows = job->document.begin[i_document + 1] - begin;
    for (int64_t r = 0; r < rows; r += CHUNK) {
        float *s = w->states + r / CHUNK * size;
        tr__delta_load(job, head, begin + r, rows - r < CHUNK ? rows - r : CHUNK, w);
        tr__delta_values(job, head, r ? s : NULL, w);
        memcpy(w->values + r * d_v, w->u, (size_t)(w->n * d_v) * sizeof *w->u);
        if (r + CHUNK < rows)
            tr__delta_advance(job, r ? s : NULL, s + size, w);
    }
    for (int64_t r = (rows - 1) / CHUNK * CHUNK; r >= 0; r -= CHUNK) {
        int last = r + CHUNK >= rows;
        if (!last)
            tr__delta_load(job, head, begin + r, CHUNK, w);
        struct chunk c = { .head = head, .s = r ? w->states + r / CHUNK * size : NULL,
                           .last = last, .u = w->values + r * d_v };
        backward_chunk(job, c, w);
    }
}

void tr__delta_backward(struct tr_node *nd)
{
    size_t mark = tr_arena_mark(nd->scratch);
    struct tr__delta_job job = tr__delta_job(nd, 1);
    int n_k = job.opt->n_head_k, n_task = job.document.n * n_k;
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < n_task; i++)
        for (int h = i % n_k; h < job.opt->n_head_v; h += n_k)
            backward_document(&job, i / n_k, h, &job.work[omp_get_thread_num()]);
    tr_arena_rewind(nd->scratch, mark);
}
