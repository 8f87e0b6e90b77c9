/* SPDX-License-Identifier: MIT
 *
 * The state-space dual form of Mamba-2, forward, and its call.  A task is one document and
 * one head: its chunks in turn, each of which hands its state to the next.  Where a
 * state comes from outside and goes back there, documents follow each other, for it passes
 * through all of them.  A single row is a chunk too: then this is the recurrence itself.
 * What a chunk is: ssd_job.c; backward: ssd_backward.c; derivation: docs/maths/ssd.md.
 */
#include <libtrain/ops/ssd_job.h>

#include <omp.h>

enum { CHUNK = TR__CHUNK };

static size_t ssd_scratch(const struct tr_node *nd, int backward)
{
    struct tr_arena count;
    if (backward)
        return tr__ssd_backward_scratch(nd);
    tr_arena_init_counting(&count);
    tr__chunk_documents(&count, tr__ssd_positions(nd), tr_tensor_rows(nd->out));
    tr__ssd_work(&count, nd, 0);
    return count.peak;
}

/* ---- forward ------------------------------------------------------------------------ */

/* y = from_start s c + p u + d x */
static void make_out(const struct tr_node *nd, int head, const float *s,
                     const struct tr__ssd_work *w)
{
    const struct tr_ssd *opt = tr__ssd_options(nd);
    int64_t width = opt->d_head, ld = nd->out->ld, ldx = nd->in[TR__SSD_X]->ld;
    float *y = tr_tensor_row(nd->out, w->t0) + head * width;
    float d = tr__ssd_value(nd->in[TR__SSD_D], head);
    if (s)
        tr__tile_product(w->n, width, opt->d_state,
                         (struct tr__tile){ w->c, nd->in[TR__SSD_C]->ld, 1 }, s, width, y,
                         ld, NULL);
    tr__chunk_lower(w->n, width, w->p, w->u, width, y, ld, s ? w->from_start : NULL);
    for (int64_t i = 0; i < w->n; i++)
        for (int64_t j = 0; j < width; j++)
            y[i * ld + j] += d * w->x[i * ldx + j];
}

/* `s` is the state's memory; it is 0 where the first row begins the document. */
static void forward_document(const struct tr_node *nd, int64_t begin, int64_t end, int head,
                             float *s, struct tr__ssd_work *w)
{
    int keeps = tr__ssd_options(nd)->state != NULL;
    const float *before = keeps && tr__ssd_positions(nd)[begin] ? s : NULL;
    for (int64_t t = begin; t < end; t += CHUNK) {
        tr__ssd_load(nd, head, t, end - t < CHUNK ? end - t : CHUNK, w);
        tr__ssd_pairs(nd, w);
        make_out(nd, head, before, w);
        if (t + CHUNK < end || keeps)
            tr__ssd_advance(nd, before, s, w);
        before = s;
    }
}

static void ssd_forward(struct tr_node *nd)
{
    const struct tr_ssd *opt = tr__ssd_options(nd);
    if (!tr__chunk_fits(nd, tr__ssd_positions(nd), opt->state != NULL))
        return;
    size_t mark = tr_arena_mark(nd->scratch);
    struct tr__documents doc =
        tr__chunk_documents(nd->scratch, tr__ssd_positions(nd), tr_tensor_rows(nd->out));
    struct tr__ssd_work *work = tr__ssd_work(nd->scratch, nd, 0);
    int32_t together = opt->state ? doc.n : 1, n_task = doc.n / together * opt->n_head;
    int64_t size = (int64_t)opt->d_state * opt->d_head;
#pragma omp parallel for schedule(dynamic, 1)
    for (int32_t i = 0; i < n_task; i++) {
        struct tr__ssd_work *w = &work[omp_get_thread_num()];
        int head = i % opt->n_head;
        float *s = opt->state ? opt->state + head * size : w->s;
        for (int32_t j = i / opt->n_head; j < i / opt->n_head + together; j++)
            forward_document(nd, doc.begin[j], doc.begin[j + 1], head, s, w);
    }
    tr_arena_rewind(nd->scratch, mark);
}

/* Multiplications of a chunk of n rows and one head: those of pairs of rows, and those with
 * a state before and behind it. */
static double chunk_work(const struct tr_ssd *opt, int64_t n, int before, int behind,
                         int backward)
{
    double d_head = opt->d_head, d_state = opt->d_state;
    double pairs = 0.5 * (double)n * (double)(n + 1), state = (double)n * d_state * d_head;
    if (!backward)
        return pairs * (d_state + d_head) + (before + behind) * state;
    return pairs * (3 * d_state + 2 * d_head) + (2 * before + 3 * behind) * state;
}

static double ssd_work(const struct tr_node *nd, int backward)
{
    const struct tr_ssd *opt = tr__ssd_options(nd);
    const int32_t *pos = tr__ssd_positions(nd);
    int64_t n = tr_tensor_rows(nd->out);
    double sum = 0;
    for (int64_t t = 0, rows; t < n; t += rows) {
        for (rows = 1; t + rows < n && pos[t + rows] && rows < CHUNK;)
            rows++;
        sum += chunk_work(opt, rows, pos[t] > 0, t + rows < n && pos[t + rows], backward);
    }
    return 2 * sum * opt->n_head;
}

const struct tr_op tr__op_ssd = {
    .name = "ssd",
    .forward = ssd_forward,
    .backward = tr__ssd_backward,
    .scratch = ssd_scratch,
    .work = ssd_work,
};

/* ---- the call ----------------------------------------------------------------------- */

static void require_shapes(const struct tr_tape *tp, struct tr_tensor *const *in,
                           const struct tr_ssd *opt)
{
    const struct tr_op *op = &tr__op_ssd;
    const struct tr_tensor *x = in[TR__SSD_X];
    int64_t bc = (int64_t)opt->n_group * opt->d_state;
    int64_t width[] = { (int64_t)opt->n_head * opt->d_head, bc, bc, opt->n_head };
    tr_op_require(tp, opt->n_head > 0 && opt->n_group > 0 && opt->d_head > 0 &&
                  opt->d_state > 0 && opt->n_head % opt->n_group == 0, op, x, x);
    for (int i = 0; i <= TR__SSD_D; i++) {
        int fits = i <= TR__SSD_DT ? tr_tensor_cols(in[i]) == width[i] &&
                                         tr_tensor_rows(in[i]) == tr_tensor_rows(x)
                                   : tr_tensor_count(in[i]) == opt->n_head;
        tr_op_require(tp, fits && in[i]->dtype == &tr_f32, op, x, in[i]);
        tr_op_require(tp, !opt->state || !in[i]->needs_grad, op, x, in[i]);
    }
}

struct tr_tensor *tr_ssd(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *b,
                         struct tr_tensor *c, struct tr_tensor *dt, struct tr_tensor *a,
                         struct tr_tensor *d, const int32_t *pos, const struct tr_ssd *opt)
{
    struct tr__ssd_args args = { *opt, pos };
    struct tr_op_call call = { .op = &tr__op_ssd, .in = { x, b, c, dt, a, d },
                               .args = &args, .args_bytes = sizeof args };
    require_shapes(tp, call.in, opt);
    call.out = tr_op_output(tp, call.op, 2,
                            (int64_t[]){ tr_tensor_rows(x), tr_tensor_cols(x) });
    return tr_op_run(tp, &call);
}
