/* SPDX-License-Identifier: MIT
 *
 * Gradients against differences, on the real tape.
 *
 * Differences of f32 results are noisy.  What helps: the weighted sum of the results is
 * taken in f64, so that those which do not change cancel exactly; inputs and steps are
 * multiples of a power of two, so that x + h is exact; and a formula of fourth order allows
 * a large h.
 */
#include <libtrain/gradcheck.h>
#include <libtrain/op.h>
#include <libtrain/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IN = TR_GRADCHECK_MAX_IN, PAD = 3 };

/* What is worked on; the first thing that is wrong is kept in err. */
struct check {
    const struct tr_gradcheck *c;
    int n;
    struct tr_tensor param[MAX_IN];
    float *x[MAX_IN];         /* the numbers, without padding */
    double *expected[MAX_IN]; /* differences */
    float *first[MAX_IN];     /* the gradient, the first time */
    double step, tolerance;
    int pad;      /* columns before and behind those of a view */
    float start;  /* of every gradient; NAN: they are empty */
    double loss, loss_expected;
    struct tr_err err;
};

/* ---- operations of the check -------------------------------------------------------- */

static void view_nothing(struct tr_node *nd)
{
    (void)nd;
}

static const struct tr_op op_view = { .name = "view",
                                      .forward = view_nothing,
                                      .backward = view_nothing };

static struct tr_tensor *columns(struct tr_tape *tp, struct tr_tensor *x, int64_t first,
                                 int64_t width)
{
    struct tr_op_call call = { .op = &op_view, .in = { x } };
    call.out = tr_op_alias(tp, x, first, tr_tensor_rows(x), width);
    return tr_op_run(tp, &call);
}

/* Of result i in the loss: a multiple of 1/1024 between -1 and 1. */
static float weight(int64_t i)
{
    return (float)((int32_t)(tr_hash32(1, (uint32_t)i) >> 21) - 1024) / 1024;
}

static void weigh_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0];
    int64_t cols = tr_tensor_cols(x);
    double sum = 0;
    for (int64_t i = 0; i < tr_tensor_count(x); i++)
        sum += (double)weight(i) * (double)tr_tensor_row(x, i / cols)[i % cols];
    *(float *)nd->out->data = (float)sum;
    **(double **)nd->args += sum;
}

static void weigh_backward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0];
    int64_t cols = tr_tensor_cols(x);
    for (int64_t i = 0; i < tr_tensor_count(x); i++)
        tr_tensor_grad_row(x, i / cols)[i % cols] += nd->out->grad[0] * weight(i);
}

static const struct tr_op op_weigh = { .name = "weigh",
                                       .forward = weigh_forward,
                                       .backward = weigh_backward };

static struct tr_tensor *weigh(struct tr_tape *tp, struct tr_tensor *x, double *sum)
{
    int64_t one = 1;
    struct tr_op_call call = { .op = &op_weigh, .in = { x }, .args = &sum,
                               .args_bytes = sizeof sum };
    call.out = tr_op_output(tp, &op_weigh, 1, &one);
    return tr_op_run(tp, &call);
}

/* ---- inputs ------------------------------------------------------------------------- */

static int64_t n_rows(const struct tr_gradcheck_input *in)
{
    return in->rows ? in->rows : 1;
}

static int pad_of(const struct check *k, int i)
{
    return k->c->in[i].rows && !k->c->in[i].whole ? k->pad : 0;
}

static void *zeros(struct check *k, int64_t n, size_t size)
{
    void *p = calloc((size_t)n, size);
    if (!p)
        tr_err_set(&k->err, TR_ENOMEM, "%s: out of memory for %lld numbers", k->c->name,
                   (long long)n);
    return p;
}

/* Multiples of 1/1024, so that x + step is exact. */
static void draw(struct tr_rng *rng, const struct tr_gradcheck_input *in, float *x)
{
    int same = in->low == in->high;
    float low = same ? -1 : in->low, high = same ? 1 : in->high;
    for (int64_t i = 0; i < n_rows(in) * in->cols; i++)
        x[i] = rintf((low + (high - low) * tr_rng_uniform(rng)) * 1024) / 1024;
}

/* A tensor over fresh memory that holds the numbers of x.  Padding is NaN: whoever reads it
 * is found out. */
static void make_param(struct check *k, int i)
{
    const struct tr_gradcheck_input *in = &k->c->in[i];
    int p = pad_of(k, i);
    int64_t rows = n_rows(in), wide = in->cols + 2 * p, dim[] = { rows, wide };
    free(k->param[i].data);
    float *data = zeros(k, rows * wide, sizeof *data);
    k->param[i] = tr_tensor_make("input", &tr_f32, in->rows ? 2 : 1,
                                 in->rows ? dim : dim + 1, data);
    for (int64_t j = 0; data && j < rows * wide; j++)
        data[j] = NAN;
    for (int64_t r = 0; data && r < rows; r++)
        memcpy(data + r * wide + p, k->x[i] + r * in->cols,
               (size_t)in->cols * sizeof *data);
}

static int make_params(struct check *k, int pad)
{
    k->pad = pad;
    for (int i = 0; i < k->n; i++)
        make_param(k, i);
    return k->err.code;
}

/* ---- running ------------------------------------------------------------------------ */

static struct tr_tensor *run(struct check *k, struct tr_tape *tp)
{
    struct tr_tensor *in[MAX_IN] = { NULL };
    double *loss = k->c->loss ? k->c->loss : &k->loss;
    *loss = 0;
    tr_segment_begin(tp);
    for (int i = 0; i < k->n; i++) {
        int p = pad_of(k, i);
        in[i] = p ? columns(tp, &k->param[i], p, k->c->in[i].cols) : &k->param[i];
    }
    struct tr_tensor *y = k->c->f(k->c->ctx, tp, in);
    if (!k->c->loss)
        y = weigh(tp, y, loss);
    y = tr_segment_end(tp, y);
    k->loss = *loss * (k->c->loss ? k->c->loss_scale : 1);
    return y;
}

/* A tape with just the memory that it plans to take; NULL: it cannot be had. */
static struct tr_tape *planned(struct check *k, enum tr_tape_mode mode,
                               enum tr_recompute recompute, struct tr_tape_plan *plan)
{
    struct tr_tape *tp = tr_tape_new_planning(mode, recompute, &k->err);
    if (!tp)
        return NULL;
    struct tr_tensor *loss = run(k, tp);
    if (mode == TR_TAPE_TRAIN)
        tr_tape_backward(tp, loss);
    *plan = tr_tape_plan(tp);
    tr_tape_error(tp, &k->err);
    tr_tape_free(tp);
    return k->err.code ? NULL : tr_tape_new(mode, recompute, plan, &k->err);
}

/* After a run: did it fail, or take more than it said? */
static void look_at_tape(struct check *k, const struct tr_tape *tp,
                         const struct tr_tape_plan *plan)
{
    struct tr_tape_plan took = tr_tape_plan(tp);
    tr_tape_error(tp, &k->err);
#if !defined(__SANITIZE_ADDRESS__) /* which puts room between blocks */
    if (took.kept > plan->kept || took.segment > plan->segment)
        tr_err_set(&k->err, TR_EMISMATCH, "%s: more scratch is taken than its operations "
                   "say", k->c->name);
#else
    (void)took, (void)plan;
#endif
}

/* ---- differences -------------------------------------------------------------------- */

/* f at x + 2h, x + h, x - h and x - 2h to the derivative. */
static double slope(const double f[4], double h)
{
    return (8 * (f[1] - f[2]) - (f[0] - f[3])) / (12 * h);
}

static double evaluate(struct check *k, struct tr_tape *tp)
{
    tr_tape_reset(tp);
    run(k, tp);
    tr_tape_error(tp, &k->err);
    return k->loss;
}

static double difference(struct check *k, struct tr_tape *tp, float *x)
{
    static const float at[] = { 2, 1, -1, -2 };
    float old = *x;
    double f[4];
    for (int s = 0; s < 4; s++) {
        *x = old + at[s] * (float)k->step;
        f[s] = evaluate(k, tp);
    }
    *x = old;
    return slope(f, k->step);
}

static int differences(struct check *k)
{
    struct tr_tape_plan plan;
    struct tr_tape *tp = planned(k, TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &plan);
    if (!tp)
        return k->err.code;
    k->loss_expected = evaluate(k, tp);
    for (int i = 0; i < k->n && !k->err.code; i++)
        for (int64_t j = 0; j < tr_tensor_count(&k->param[i]); j++)
            k->expected[i][j] = difference(k, tp, (float *)k->param[i].data + j);
    look_at_tape(k, tp, &plan);
    tr_tape_free(tp);
    return k->err.code;
}

/* ---- gradients ---------------------------------------------------------------------- */

static int want_grads(struct check *k, unsigned mask)
{
    for (int i = 0; i < k->n; i++) {
        struct tr_tensor *t = &k->param[i];
        int64_t n = tr_tensor_count(t);
        t->needs_grad = mask >> i & 1;
        t->grad = t->needs_grad ? zeros(k, n, sizeof(float)) : NULL;
        t->grad_empty = t->needs_grad && isnan(k->start);
        for (int64_t j = 0; t->grad && j < n; j++)
            t->grad[j] = k->start;
    }
    return k->err.code;
}

static int backward(struct check *k, unsigned mask, enum tr_recompute recompute)
{
    struct tr_tape_plan plan;
    struct tr_tape *tp = want_grads(k, mask) ? NULL
                                             : planned(k, TR_TAPE_TRAIN, recompute, &plan);
    if (!tp)
        return k->err.code;
    struct tr_tensor *loss = run(k, tp);
    double got = loss->data ? (double)*(float *)loss->data : 0, want = k->loss_expected;
    tr_tape_backward(tp, loss);
    look_at_tape(k, tp, &plan);
    if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want)))) /* a view is read wrongly */
        tr_err_set(&k->err, TR_EMISMATCH, "%s: result %.9g, of plain inputs %.9g",
                   k->c->name, got, want);
    for (int i = 0; i < k->n; i++)
        tr_tensor_settle_grad(&k->param[i]);
    tr_tape_free(tp);
    return k->err.code;
}

static void compare(struct check *k, int i)
{
    const struct tr_gradcheck_input *in = &k->c->in[i];
    const struct tr_tensor *t = &k->param[i];
    int64_t n = n_rows(in) * in->cols;
    int p = pad_of(k, i);
    double mean = 0, start = isnan(k->start) ? 0 : (double)k->start;
    for (int64_t j = 0; j < n; j++)
        mean += fabs(k->expected[i][j]) / (double)n;
    for (int64_t at = 0; at < tr_tensor_count(t); at++) {
        int64_t row = at / t->ld, col = at % t->ld - p;
        int inside = col >= 0 && col < in->cols;
        double want = inside ? k->expected[i][row * in->cols + col] : 0;
        double got = (double)t->grad[at] - start;
        double bound = inside ? k->tolerance * (fabs(want) + mean) : 0;
        if (!(fabs(got - want) <= bound))
            tr_err_set(&k->err, TR_EMISMATCH, "%s: input %d%s (%lld, %lld): gradient %.9g, "
                       "difference %.9g, mean %.3g", k->c->name, i,
                       inside ? "" : " beside its view", (long long)row, (long long)col,
                       got, want, mean);
    }
}

/* Right the first time, and then the same bits. */
static void compare_all(struct check *k, int is_first)
{
    for (int i = 0; i < k->n; i++) {
        float *grad = k->param[i].grad;
        k->param[i].grad = NULL;
        if (!grad)
            continue;
        size_t bytes = (size_t)tr_tensor_count(&k->param[i]) * sizeof *grad;
        if (is_first) {
            k->param[i].grad = k->first[i] = grad;
            compare(k, i);
            k->param[i].grad = NULL;
            continue;
        }
        if (memcmp(k->first[i], grad, bytes))
            tr_err_set(&k->err, TR_EMISMATCH,
                       "%s: input %d: computed again, it gives other bits", k->c->name, i);
        free(grad);
    }
}

/* One choice of inputs. */
static void check_mask(struct check *k, unsigned mask)
{
    static const enum tr_recompute modes[] = { TR_RECOMPUTE_NONE, TR_RECOMPUTE_CHEAP,
                                               TR_RECOMPUTE_SHORT, TR_RECOMPUTE_ALL };
    for (int m = 0; m < 4 && !k->err.code; m++)
        if (!backward(k, mask, modes[m]))
            compare_all(k, !m);
    for (int i = 0; i < k->n; i++) {
        free(k->first[i]);
        free(k->param[i].grad);
        k->first[i] = k->param[i].grad = NULL;
    }
}

static void check_all(struct check *k)
{
    for (int pad = 0; pad <= PAD && !k->err.code; pad += PAD) {
        if (make_params(k, pad))
            return;
        for (unsigned mask = 1; mask < 1u << k->n && !k->err.code; mask++) {
            k->start = 0.5f; /* backward must add */
            check_mask(k, mask);
            k->start = NAN;
            check_mask(k, mask);
        }
    }
}

int tr_gradcheck(const struct tr_gradcheck *c, struct tr_err *err)
{
    struct check k = { .c = c, .step = c->step > 0 ? (double)c->step : 1.0 / 16,
                       .tolerance = c->tolerance > 0 ? c->tolerance : 1e-3 };
    struct tr_rng rng = tr_rng_init(1, 0);
    for (; k.n < MAX_IN && c->in[k.n].cols; k.n++) {
        int64_t n = n_rows(&c->in[k.n]) * c->in[k.n].cols;
        k.x[k.n] = zeros(&k, n, sizeof(float));
        k.expected[k.n] = zeros(&k, n, sizeof(double));
        if (k.x[k.n])
            draw(&rng, &c->in[k.n], k.x[k.n]);
    }
    if (!k.n)
        tr_err_set(&k.err, TR_EMISMATCH, "%s: there is no input", c->name);
    if (!k.err.code && !make_params(&k, 0) && !differences(&k))
        check_all(&k);
    for (int i = 0; i < MAX_IN; i++) {
        free(k.x[i]);
        free(k.expected[i]);
        free(k.param[i].data);
    }
    return k.err.code ? tr_err_set(err, k.err.code, "%s", k.err.text) : 0;
}
