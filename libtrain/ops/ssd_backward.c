/* SPDX-License-Identifier: MIT
 *
 * The state-space dual form, backward.  A task is one document and some heads of a group,
 * one after the other; what these add to the gradients of b and c, which all heads of the
 * group read, they add to a copy of their own.  Nothing is kept from the forward pass: for
 * each head a sweep through the document makes the states in front of its chunks again, and
 * a second one goes back with the gradient of the state.  Letters and derivation:
 * docs/maths/ssd.md.
 */
#include <libtrain/ops/ssd_job.h>

#include <omp.h>
#include <string.h>

/* Parts that the heads are cut into, at most, or one a group: as many tasks has a document,
 * and so many copies there are.  The parts do not depend on the number of threads, so
 * neither do the sums. */
enum { CHUNK = TR__CHUNK, PARTS = 16 };

/* What all tasks of a call share.  Lives in the node's scratch. */
struct job {
    const struct tr_node *nd;
    const struct tr_ssd *opt;
    struct tr__documents document;
    struct tr__ssd_work *work; /* one a thread */
    int parts;  /* of each group */
    float *dbc; // (groups * parts, n, 2 * d_state) gradients of b and c, by each part
    float *dg;  // (n, n_head) gradients of logarithms of decays
};

/* A chunk on the way back. */
struct chunk {
    int head, i_part; /* the part is counted over all groups */
    int is_first;     /* head of the part: nothing is in dbc yet */
    const float *s;   /* in front of the chunk; NULL: 0 */
    int last;         /* nothing behind it: ds is 0 */
    const float *dy;  /* its rows, ld of the output apart */
};

static struct job new_job(struct tr_arena *a, const struct tr_node *nd)
{
    const struct tr__ssd_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out);
    struct job job = { .nd = nd, .opt = &args->opt };
    int of_group = job.opt->n_head / job.opt->n_group, parts = PARTS / job.opt->n_group;
    job.parts = parts < 1 ? 1 : parts < of_group ? parts : of_group;
    job.document = tr__chunk_documents(a, args->pos, n);
    job.work = tr__ssd_work(a, nd, 1);
    int64_t copies = (int64_t)job.opt->n_group * job.parts;
    job.dbc = tr_arena_array(a, (size_t)(copies * n * 2 * job.opt->d_state), sizeof(float));
    job.dg = tr_arena_array(a, (size_t)(n * job.opt->n_head), sizeof(float));
    return job;
}

size_t tr__ssd_backward_scratch(const struct tr_node *nd)
{
    struct tr_arena count;
    tr_arena_init_counting(&count);
    new_job(&count, nd);
    return count.peak;
}

/* ---- a chunk ------------------------------------------------------------------------ */

/* t, and what the decay to the end of the chunk gets, times it, for each row. */
static void value_gradients(const struct job *job, const struct chunk *c,
                            const struct tr__ssd_work *w, float *to_end)
{
    int64_t d_head = job->opt->d_head, d_state = job->opt->d_state;
    if (!c->last)
        tr__tile_product(w->n, d_head, d_state,
                         (struct tr__tile){ w->b, job->nd->in[TR__SSD_B]->ld, 1 }, w->ds,
                         d_head, w->t, d_head, NULL);
    for (int64_t j = 0; !c->last && j < w->n; j++)
        to_end[j] = tr__chunk_dot(w->u_end + j * d_head, w->t + j * d_head, d_head);
    tr__chunk_upper(w->n, d_head, w->p, c->dy, job->nd->out->ld, w->t, d_head,
                    c->last ? NULL : w->decay + (w->n - 1) * CHUNK);
}

/* Gradients of p, and e_dy. */
static void pair_gradients(const struct job *job, const struct chunk *c,
                           const struct tr__ssd_work *w)
{
    int64_t d_head = job->opt->d_head, ld = job->nd->out->ld;
    tr__chunk_columns(w->n, d_head, w->u, d_head, w->u_t);
    tr__chunk_pairs(w->n, d_head, c->dy, ld, w->u_t, w->dp);
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t d = 0; d < d_head; d++)
            w->e_dy[i * d_head + d] = w->from_start[i] * c->dy[i * ld + d];
}

/* What the decays from row j to row i get, times these: lane j, row i of the triangle.
 * That becomes the coefficients of products with b and c on the way. */
static void add_pair_row(int64_t i, const struct tr__ssd_work *w, float *lane)
{
    float *dp = w->dp + i * CHUNK;
    const float *p = w->p + i * CHUNK, *decay = w->decay + i * CHUNK;
    for (int64_t j = 0; j < tr__chunk_lanes(i + 1); j++) {
        lane[j] += dp[j] * p[j];
        dp[j] *= decay[j];
    }
}

/* dg_j is the sum over all decays that pass row j: from a row before it, or the state in
 * front of the chunk, to row j, one behind it, or the state behind the chunk.  Taken as
 * such a sum and not as a difference of sums, which may be large where it is small.  lane:
 * to the state behind; dbc has what c gets from the state before. */
static void decay_gradients(const struct job *job, const struct chunk *c,
                            const struct tr__ssd_work *w, float *lane)
{
    int64_t d_state = job->opt->d_state, ldc = job->nd->in[TR__SSD_C]->ld;
    float state = 0;
    if (c->s && !c->last)
        state = w->from_start[w->n - 1] *
                tr__chunk_dot(c->s, w->ds, d_state * job->opt->d_head);
    for (int64_t i = w->n - 1; i >= 0; i--) {
        float dg = 0;
        if (c->s)
            state += tr__chunk_dot(w->c + i * ldc, w->dbc + i * d_state, d_state);
        add_pair_row(i, w, lane);
#pragma omp simd reduction(+ : dg)
        for (int64_t j = 0; j < i; j++)
            dg += lane[j];
        job->dg[(w->t0 + i) * job->opt->n_head + c->head] = dg + state;
    }
}

/* Add dbc to the part's copy of the gradients of b (which = 0) or c (1). */
static void add_to_part(const struct job *job, const struct chunk *c,
                        const struct tr__ssd_work *w, int which)
{
    int64_t width = job->opt->d_state, n = tr_tensor_rows(job->nd->out);
    float *to = job->dbc + ((c->i_part * n + w->t0) * 2 + which) * width;
    for (int64_t i = 0; i < w->n; i++, to += 2 * width)
        for (int64_t d = 0; d < width; d++)
            to[d] = w->dbc[i * width + d] + (c->is_first ? 0 : to[d]);
}

/* What c gets from the state in front of the chunk: dbc, if there is one. */
static void from_state(const struct job *job, const struct chunk *c,
                       const struct tr__ssd_work *w)
{
    int64_t d_head = job->opt->d_head, d_state = job->opt->d_state;
    if (!c->s)
        return;
    tr__tile_transpose(d_state, d_head, c->s, d_head, w->s_t, d_state);
    tr__tile_product(w->n, d_state, d_head, (struct tr__tile){ w->e_dy, d_head, 1 }, w->s_t,
                     d_state, w->dbc, d_state, NULL);
}

static void c_gradients(const struct job *job, const struct chunk *c,
                        const struct tr__ssd_work *w, const float *ones)
{
    int64_t d_state = job->opt->d_state;
    tr__chunk_lower(w->n, d_state, w->dp, w->b, job->nd->in[TR__SSD_B]->ld, w->dbc, d_state,
                    c->s ? ones : NULL);
    add_to_part(job, c, w, 1);
}

static void b_gradients(const struct job *job, const struct chunk *c,
                        const struct tr__ssd_work *w, const float *ones)
{
    int64_t d_head = job->opt->d_head, d_state = job->opt->d_state;
    if (!c->last) {
        tr__tile_transpose(d_state, d_head, w->ds, d_head, w->s_t, d_state);
        tr__tile_product(w->n, d_state, d_head, (struct tr__tile){ w->u_end, d_head, 1 },
                         w->s_t, d_state, w->dbc, d_state, NULL);
    }
    tr__chunk_upper(w->n, d_state, w->dp, w->c, job->nd->in[TR__SSD_C]->ld, w->dbc, d_state,
                    c->last ? NULL : ones);
    add_to_part(job, c, w, 0);
}

/* Add the gradients of x and dt. */
static void add_gradients(const struct job *job, const struct chunk *c,
                          const struct tr__ssd_work *w)
{
    struct tr_tensor *const *in = job->nd->in;
    const struct tr_tensor *x = in[TR__SSD_X], *dt = in[TR__SSD_DT];
    int64_t width = job->opt->d_head;
    float a = tr__ssd_value(in[TR__SSD_A], c->head);
    float skip = tr__ssd_value(in[TR__SSD_D], c->head);
    for (int64_t i = 0; i < w->n; i++) {
        const float *t = w->t + i * width, *dy = c->dy + i * job->nd->out->ld;
        if (dt->grad)
            tr_tensor_grad_row(dt, w->t0 + i)[c->head] +=
                tr__chunk_dot(w->x + i * x->ld, t, width) +
                a * job->dg[(w->t0 + i) * job->opt->n_head + c->head];
        float *dx = x->grad ? tr_tensor_grad_row(x, w->t0 + i) + c->head * width : NULL;
        for (int64_t d = 0; dx && d < width; d++)
            dx[d] += w->dt[i] * t[d] + skip * dy[d];
    }
}

/* ds becomes the gradient of the state in front of the chunk. */
static void state_gradient(const struct job *job, const struct chunk *c,
                           const struct tr__ssd_work *w)
{
    int64_t d_head = job->opt->d_head, d_state = job->opt->d_state;
    tr__chunk_fill(w->keep, d_state, w->from_start[w->n - 1]);
    tr__tile_product(d_state, d_head, w->n,
                     (struct tr__tile){ w->c, 1, job->nd->in[TR__SSD_C]->ld }, w->e_dy,
                     d_head, w->ds, d_head, c->last ? NULL : w->keep);
}

static void backward_chunk(const struct job *job, const struct chunk *c,
                           struct tr__ssd_work *w)
{
    float lane[CHUNK] = { 0 }, ones[CHUNK];
    tr__chunk_fill(ones, CHUNK, 1);
    tr__ssd_pairs(job->nd, w);
    value_gradients(job, c, w, lane);
    pair_gradients(job, c, w);
    from_state(job, c, w);
    decay_gradients(job, c, w, lane);
    c_gradients(job, c, w, ones);
    b_gradients(job, c, w, ones);
    add_gradients(job, c, w);
    if (c->s)
        state_gradient(job, c, w);
}

/* ---- all of them -------------------------------------------------------------------- */

/* c: head and part. */
static void backward_head(const struct job *job, int64_t begin, int64_t rows,
                          struct chunk c, struct tr__ssd_work *w)
{
    int64_t size = (int64_t)job->opt->d_state * job->opt->d_head;
    int64_t last = (rows - 1) / CHUNK;
    for (int64_t i = 0; i < last; i++) {
        float *s = w->states + i * size;
        tr__ssd_load(job->nd, c.head, begin + i * CHUNK, CHUNK, w);
        tr__ssd_advance(job->nd, i ? s : NULL, s + size, w);
    }
    for (int64_t i = last; i >= 0; i--) {
        int64_t t = begin + i * CHUNK;
        tr__ssd_load(job->nd, c.head, t, i < last ? CHUNK : rows - i * CHUNK, w);
        c.s = i ? w->states + i * size : NULL;
        c.last = i == last;
        c.dy = tr_tensor_grad_row(job->nd->out, t) + c.head * job->opt->d_head;
        backward_chunk(job, &c, w);
    }
}

static void backward_part(const struct job *job, int32_t document, int i_part,
                          struct tr__ssd_work *w)
{
    int of_group = job->opt->n_head / job->opt->n_group, part = i_part % job->parts;
    int first = of_group * part / job->parts, end = of_group * (part + 1) / job->parts;
    int64_t begin = job->document.begin[document];
    for (int i = first; i < end; i++)
        backward_head(job, begin, job->document.begin[document + 1] - begin,
                      (struct chunk){ .head = i_part / job->parts * of_group + i,
                                      .i_part = i_part, .is_first = i == first }, w);
}

/* Add what the parts have for b (which = 0) or c (1). */
static void add_parts(const struct job *job, struct tr_tensor *to, int which)
{
    int64_t n = tr_tensor_rows(to), width = job->opt->d_state;
    int n_part = job->opt->n_group * job->parts;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < n; t++)
        for (int i = 0; i < n_part; i++) {
            const float *from = job->dbc + ((i * n + t) * 2 + which) * width;
            float *row = tr_tensor_grad_row(to, t) + i / job->parts * width;
            for (int64_t d = 0; d < width; d++)
                row[d] += from[d];
        }
}

/* Gradients of a and d: sums over all rows, in their order. */
static void add_sums(const struct job *job)
{
    struct tr_tensor *const *in = job->nd->in;
    const struct tr_tensor *x = in[TR__SSD_X], *out = job->nd->out;
    int64_t n = tr_tensor_rows(out), width = job->opt->d_head, n_head = job->opt->n_head;
#pragma omp parallel for schedule(static)
    for (int64_t h = 0; h < n_head; h++) {
        double da = 0, dd = 0;
        for (int64_t t = 0; t < n; t++) {
            float dt = tr_tensor_row(in[TR__SSD_DT], t)[h];
            da += (double)dt * (double)job->dg[t * n_head + h];
            dd += (double)tr__chunk_dot(tr_tensor_row(x, t) + h * width,
                                        tr_tensor_grad_row(out, t) + h * width, width);
        }
        if (in[TR__SSD_A]->grad)
            in[TR__SSD_A]->grad[tr__ssd_number(in[TR__SSD_A], h)] += (float)da;
        if (in[TR__SSD_D]->grad)
            in[TR__SSD_D]->grad[tr__ssd_number(in[TR__SSD_D], h)] += (float)dd;
    }
}

void tr__ssd_backward(struct tr_node *nd)
{
    size_t mark = tr_arena_mark(nd->scratch);
    struct job job = new_job(nd->scratch, nd);
    int n_part = job.opt->n_group * job.parts;
    int32_t n_task = job.document.n * n_part;
#pragma omp parallel for schedule(dynamic, 1)
    for (int32_t i = 0; i < n_task; i++)
        backward_part(&job, i / n_part, i % n_part, &job.work[omp_get_thread_num()]);
    if (nd->in[TR__SSD_B]->grad)
        add_parts(&job, nd->in[TR__SSD_B], 0);
    if (nd->in[TR__SSD_C]->grad)
        add_parts(&job, nd->in[TR__SSD_C], 1);
    add_sums(&job);
    tr_arena_rewind(nd->scratch, mark);
}
