/* SPDX-License-Identifier: MIT
 *
 * The gated delta rule, forward, and its call.  A task is one document and one value head:
 * its chunks in turn, each of which hands its state to the next.  Where a state comes from
 * outside and goes back there, documents follow each other, for it passes through all of
 * them.  A single row is a chunk too: then this is the recurrence itself.  What a chunk is:
 * delta_job.c; backward: delta_backward.c; derivation: docs/maths/delta.md.
 */
#include <libtrain/ops/delta_job.h>

#include <omp.h>
#include <string.h>

/* o = q s from_start + p u */
static void make_out(const struct tr__delta_job *job, const float *s,
                     const struct tr__delta_work *w)
{
    int64_t d_k = job->opt->head_k, d_v = job->opt->head_v;
    if (s)
        tr__tile_product(w->n, d_v, d_k, (struct tr__tile){ w->qk, d_k, 1 }, s, d_v, w->o,
                         d_v, NULL);
    tr__chunk_lower(w->n, d_v, w->p, w->u, d_v, w->o, d_v, s ? w->from_start : NULL);
}

static void store_out(const struct tr__delta_job *job, int head,
                      const struct tr__delta_work *w)
{
    const struct tr_tensor *out = job->nd->out;
    int64_t width = job->opt->head_v;
    for (int64_t i = 0; i < w->n; i++)
        memcpy((float *)out->data + (w->t0 + i) * out->ld + head * width, w->o + i * width,
               (size_t)width * sizeof *w->o);
}

/* The state that a head of a document begins with; NULL: 0. */
static float *first_state(const struct tr__delta_job *job, int32_t i_document, int head,
                          struct tr__delta_work *w)
{
    const struct tr__delta_args *args = job->nd->args;
    int64_t size = (int64_t)job->opt->head_k * job->opt->head_v;
    if (!job->opt->state || args->pos[job->document.begin[i_document]] == 0)
        return NULL;
    return memcpy(w->s, job->opt->state + head * size, (size_t)size * sizeof *w->s);
}

static void forward_document(const struct tr__delta_job *job, int32_t i_document, int head,
                             struct tr__delta_work *w)
{
    int64_t size = (int64_t)job->opt->head_k * job->opt->head_v;
    int64_t end = job->document.begin[i_document + 1];
    float *s = first_state(job, i_document, head, w);
    for (int64_t t = job->document.begin[i_document]; t < end; t += w->n) {
        tr__delta_load(job, head, t, end - t < TR__CHUNK ? end - t : TR__CHUNK, w);
        tr__delta_values(job, head, s, w);
        make_out(job, s, w);
        store_out(job, head, w);
        if (t + w->n < end || job->opt->state)
            tr__delta_advance(job, s, w->s, w);
        s = w->s;
    }
    if (job->opt->state)
        memcpy(job->opt->state + head * size, s, (size_t)size * sizeof *s);
}

static void delta_rule_forward(struct tr_node *nd)
{
    const struct tr__delta_args *args = nd->args;
    if (!tr__chunk_fits(nd, args->pos, args->opt.state != NULL))
        return;
    size_t mark = tr_arena_mark(nd->scratch);
    struct tr__delta_job job = tr__delta_job(nd, 0);
    int n_head = job.opt->n_head_v;
    int32_t together = job.opt->state ? job.document.n : 1;
    int32_t n_task = job.document.n / together * n_head;
#pragma omp parallel for schedule(dynamic, 1)
    for (int32_t i = 0; i < n_task; i++)
        for (int32_t j = 0; j < together; j++)
            forward_document(&job, i / n_head * together + j, i % n_head,
                             &job.work[omp_get_thread_num()]);
    tr_arena_rewind(nd->scratch, mark);
}

/* Multiplications of a chunk of n rows and one value head: those of pairs of rows, and
 * those with a state before and behind it. */
static double chunk_work(const struct tr_delta_rule *opt, int64_t n, int before, int behind,
                         int backward)
{
    double d_k = opt->head_k, d_v = opt->head_v;
    double pairs = 0.5 * (double)n * (double)(n + 1), state = (double)n * d_k * d_v;
    if (!backward)
        return pairs * (2 * d_k + 2 * d_v) + (2 * before + behind) * state;
    return pairs * (8 * d_k + 5 * d_v) + (5 * before + 3 * behind) * state;
}

static double delta_rule_work(const struct tr_node *nd, int backward)
{
    const struct tr__delta_args *args = nd->args;
    const int32_t *pos = args->pos;
    int64_t n = tr_tensor_rows(nd->out);
    double sum = 0;
    for (int64_t t = 0, rows; t < n; t += rows) {
        for (rows = 1; t + rows < n && pos[t + rows] && rows < TR__CHUNK;)
            rows++;
        sum += chunk_work(&args->opt, rows, pos[t] > 0, t + rows < n && pos[t + rows],
                          backward);
    }
    return 2 * sum * args->opt.n_head_v;
}

const struct tr_op tr__op_delta_rule = {
    .name = "delta_rule",
    .forward = delta_rule_forward,
    .backward = tr__delta_backward,
    .scratch = tr__delta_scratch,
    .work = delta_rule_work,
};

static void require_shapes(const struct tr_tape *tp, struct tr_tensor *const *in,
                           const struct tr_delta_rule *opt)
{
    const struct tr_op *op = &tr__op_delta_rule;
    const struct tr_tensor *q = in[TR__DELTA_Q];
    int64_t k_width = (int64_t)opt->n_head_k * opt->head_k, n_v = opt->n_head_v;
    int64_t width[] = { k_width, k_width, n_v * opt->head_v, n_v, n_v };
    tr_op_require(tp, opt->n_head_k > 0 && opt->n_head_v > 0 && opt->head_k > 0 &&
                  opt->head_v > 0 && opt->n_head_v % opt->n_head_k == 0, op, q, q);
    for (int i = 0; i <= TR__DELTA_BETA; i++) {
        tr_op_require(tp, in[i]->dtype == &tr_f32 && tr_tensor_cols(in[i]) == width[i] &&
                      tr_tensor_rows(in[i]) == tr_tensor_rows(q), op, q, in[i]);
        tr_op_require(tp, !opt->state || !in[i]->needs_grad, op, q, in[i]);
    }
}

struct tr_tensor *tr_delta_rule(struct tr_tape *tp, struct tr_tensor *q,
                                struct tr_tensor *k, struct tr_tensor *v,
                                struct tr_tensor *g, struct tr_tensor *beta,
                                const int32_t *pos, const struct tr_delta_rule *opt)
{
    struct tr__delta_args args = { *opt, pos };
    struct tr_op_call call = { .op = &tr__op_delta_rule, .in = { q, k, v, g, beta },
                               .args = &args, .args_bytes = sizeof args };
    require_shapes(tp, call.in, opt);
    call.out = tr_op_output(tp, call.op, 2,
                            (int64_t[]){ tr_tensor_rows(v), tr_tensor_cols(v) });
    return tr_op_run(tp, &call);
}
