/* SPDX-License-Identifier: MIT
 *
 * Differences of f32 results are noisy.  What helps: the weighted sum is taken in f64, so
 * that outputs which do not change cancel exactly; inputs and steps are multiples of a
 * power of two, so that x + h is exact; and a formula of fourth order allows a large h.
 */
#include "gradcheck.h"

#include <libtrain/op.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- operations of the test ------------------------------------------------------- */

static void copy_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    for (int64_t i = 0; i < tr_tensor_rows(y); i++)
        memcpy((float *)y->data + i * y->ld, (const float *)x->data + i * x->ld,
               (size_t)tr_tensor_cols(y) * sizeof(float));
}

static void copy_backward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    for (int64_t i = 0; i < tr_tensor_rows(y); i++)
        for (int64_t j = 0; j < tr_tensor_cols(y); j++)
            x->grad[i * x->ld + j] += y->grad[i * y->ld + j];
}

static const struct tr_op op_copy = { .name = "copy",
                                      .forward = copy_forward,
                                      .backward = copy_backward };

struct tr_tensor *grad_copy(struct tr_tape *tp, struct tr_tensor *x)
{
    int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
    return tr_op_run(tp, &(struct tr_op_call){ .op = &op_copy,
                                                .in = { x },
                                                .out = tr_op_output(tp, &op_copy, 2, dim) });
}

struct weigh_args {
    const float *c;
    double *sum;
};

static void weigh_forward(struct tr_node *nd)
{
    const struct weigh_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0];
    int64_t cols = tr_tensor_cols(x);
    double sum = 0;
    for (int64_t i = 0; i < tr_tensor_count(x); i++)
        sum += (double)args->c[i] *
               (double)((const float *)x->data)[i / cols * x->ld + i % cols];
    *(float *)nd->out->data = (float)sum;
    *args->sum += sum;
}

static void weigh_backward(struct tr_node *nd)
{
    const struct weigh_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0];
    int64_t cols = tr_tensor_cols(x);
    for (int64_t i = 0; i < tr_tensor_count(x); i++)
        x->grad[i / cols * x->ld + i % cols] += nd->out->grad[0] * args->c[i];
}

static const struct tr_op op_weigh = { .name = "weigh",
                                       .forward = weigh_forward,
                                       .backward = weigh_backward };

struct tr_tensor *grad_weigh(struct tr_tape *tp, struct tr_tensor *x, const float *c,
                             double *sum)
{
    struct weigh_args args = { c, sum };
    return tr_op_run(tp, &(struct tr_op_call){
                           .op = &op_weigh,
                           .in = { x },
                           .out = tr_op_output(tp, &op_weigh, 1, (int64_t[]){ 1 }),
                           .args = &args,
                           .args_bytes = sizeof args });
}

/* ---- the check -------------------------------------------------------------------- */

enum { PAD = 3, MAX_OUT = 4096 };

struct check {
    const struct grad_case *c;
    struct tr_tensor param[GRAD_MAX_IN];
    float *x[GRAD_MAX_IN];        /* the numbers, without padding */
    double *expected[GRAD_MAX_IN]; /* differences */
    int pad;                      /* columns before and behind those of a view */
    float start;                  /* of every gradient; NAN: they are empty */
    double loss, loss_expected;
    char *found;                  /* what is wrong, in words */
};

static void complain(const struct check *k, const char *fmt, ...) TR_PRINTF(2, 3);

static void complain(const struct check *k, const char *fmt, ...)
{
    if (*k->found) /* the first is told */
        return;
    int n = snprintf(k->found, GRAD_TEXT, "%s (%s): ", k->c->op, k->c->what);
    va_list args;
    va_start(args, fmt);
    vsnprintf(k->found + n, (size_t)(GRAD_TEXT - n), fmt, args);
    va_end(args);
}

static float weights[MAX_OUT]; /* of the outputs in the loss */

static int n_in(const struct grad_case *c)
{
    int n = 0;
    while (n < GRAD_MAX_IN && c->in[n].cols)
        n++;
    return n;
}

static int64_t n_rows(const struct grad_input *in)
{
    return in->rows ? in->rows : 1;
}

static int pad_of(const struct check *k, int i)
{
    return k->c->in[i].rows && !k->c->in[i].whole ? k->pad : 0;
}

static void *xcalloc(int64_t n, size_t size)
{
    void *p = calloc((size_t)n, size);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* Multiples of 1/1024, so that x + step is exact. */
static void draw(struct tr_rng *rng, const struct grad_input *in, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = rintf((in->low + (in->high - in->low) * tr_rng_uniform(rng)) * 1024) / 1024;
}

/* Tensors over fresh memory that hold the numbers of x.  Padding is NaN: whoever reads it
 * is found out. */
static void make_params(struct check *k, int pad)
{
    k->pad = pad;
    for (int i = 0; i < n_in(k->c); i++) {
        const struct grad_input *in = &k->c->in[i];
        int p = pad_of(k, i);
        int64_t rows = n_rows(in), wide = in->cols + 2 * p;
        float *data = xcalloc(rows * wide, sizeof *data);
        for (int64_t j = 0; j < rows * wide; j++)
            data[j] = NAN;
        for (int64_t r = 0; r < rows; r++)
            memcpy(data + r * wide + p, k->x[i] + r * in->cols,
                   (size_t)in->cols * sizeof *data);
        int64_t dim[] = { rows, wide };
        free(k->param[i].data);
        k->param[i] = tr_tensor_make("input", &tr_f32, in->rows ? 2 : 1,
                                     in->rows ? dim : dim + 1, data);
    }
}

static struct tr_tensor *run(void *ctx, struct tr_tape *tp)
{
    struct check *k = ctx;
    struct tr_tensor *in[GRAD_MAX_IN] = { NULL };
    tr_segment_begin(tp);
    for (int i = 0; i < n_in(k->c); i++) {
        int p = pad_of(k, i);
        in[i] = p ? tr_columns(tp, &k->param[i], p, k->c->in[i].cols) : &k->param[i];
    }
    struct tr_tensor *y = k->c->build(k->c, tp, in, &k->loss);
    ck_assert_int_le(tr_tensor_count(y), MAX_OUT);
    if (k->c->loss_scale == 0)
        y = grad_weigh(tp, y, weights, &k->loss);
    return tr_segment_end(tp, y);
}

struct tr_tape *grad_tape(enum tr_tape_mode mode, enum tr_recompute recompute,
                          struct tr_tensor *(*build)(void *ctx, struct tr_tape *tp),
                          void *ctx)
{
    struct tr_err err = {0};
    struct tr_tape *tp = tr_tape_new_planning(mode, recompute, &err);
    ck_assert_msg(tp != NULL, "%s", err.text);
    struct tr_tensor *loss = build(ctx, tp);
    if (mode == TR_TAPE_TRAIN)
        tr_tape_backward(tp, loss);
    struct tr_tape_plan plan = tr_tape_plan(tp);
    tr_tape_free(tp);
    tp = tr_tape_new(mode, recompute, &plan, &err);
    ck_assert_msg(tp != NULL, "%s", err.text);
    return tp;
}

double grad_slope(const double f[4], double h)
{
    return (8 * (f[1] - f[2]) - (f[0] - f[3])) / (12 * h);
}

static double evaluate(struct check *k, struct tr_tape *tp)
{
    tr_tape_reset(tp);
    k->loss = 0;
    run(k, tp);
    return k->loss * (k->c->loss_scale == 0 ? 1 : k->c->loss_scale);
}

static void differences(struct check *k)
{
    static const int at[] = { 2, 1, -1, -2 };
    struct tr_tape *tp = grad_tape(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, run, k);
    k->loss_expected = evaluate(k, tp);
    for (int i = 0; i < n_in(k->c); i++)
        for (int64_t j = 0; j < tr_tensor_count(&k->param[i]); j++) {
            float *x = (float *)k->param[i].data + j, old = *x;
            double f[4];
            for (int s = 0; s < 4; s++) {
                *x = old + (float)at[s] * k->c->step;
                f[s] = evaluate(k, tp);
            }
            *x = old;
            k->expected[i][j] = grad_slope(f, (double)k->c->step);
        }
    tr_tape_free(tp);
}

static void backward(struct check *k, unsigned mask, enum tr_recompute recompute)
{
    for (int i = 0; i < n_in(k->c); i++) {
        struct tr_tensor *t = &k->param[i];
        int64_t n = tr_tensor_count(t);
        t->needs_grad = mask >> i & 1;
        t->grad = t->needs_grad ? xcalloc(n, sizeof(float)) : NULL;
        t->grad_empty = t->needs_grad && isnan(k->start);
        for (int64_t j = 0; t->grad && j < n; j++)
            t->grad[j] = k->start;
    }
    struct tr_tape *tp = grad_tape(TR_TAPE_TRAIN, recompute, run, k);
    k->loss = 0;
    struct tr_tensor *loss = run(k, tp);
    double got = (double)*(float *)loss->data, want = k->loss_expected;
    if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want)))) /* a view is read wrongly */
        complain(k, "loss %.9g, of plain inputs %.9g", got, want);
    tr_tape_backward(tp, loss);
    for (int i = 0; i < n_in(k->c); i++)
        tr_tensor_settle_grad(&k->param[i]);
    tr_tape_free(tp);
}

static void compare(const struct check *k, int i)
{
    const struct grad_input *in = &k->c->in[i];
    const struct tr_tensor *t = &k->param[i];
    int64_t n = n_rows(in) * in->cols;
    int p = pad_of(k, i);
    double mean = 0, start = isnan(k->start) ? 0 : (double)k->start;
    for (int64_t j = 0; j < n; j++)
        mean += fabs(k->expected[i][j]) / (double)n;
    for (int64_t at = 0; at < tr_tensor_count(t); at++) {
        int64_t row = at / t->ld, col = at % t->ld - p;
        double got = (double)t->grad[at] - start;
        if (col < 0 || col >= in->cols) {
            if (got != 0)
                complain(k, "padding of input %d has a gradient", i);
            continue;
        }
        double want = k->expected[i][row * in->cols + col];
        if (!(fabs(got - want) <= k->c->tolerance * (fabs(want) + mean)))
            complain(k, "input %d (%d, %d): gradient %.9g, difference %.9g, mean %.3g", i,
                     (int)row, (int)col, got, want, mean);
    }
}

/* One choice of inputs: right once, and the same bits whatever is recomputed. */
static void check_mask(struct check *k, unsigned mask)
{
    static const enum tr_recompute modes[] = { TR_RECOMPUTE_NONE, TR_RECOMPUTE_CHEAP,
                                               TR_RECOMPUTE_ALL };
    float *first[GRAD_MAX_IN] = { NULL };
    for (int m = 0; m < 3; m++) {
        backward(k, mask, modes[m]);
        for (int i = 0; i < n_in(k->c); i++) {
            float *grad = k->param[i].grad;
            if (!grad)
                continue;
            if (m == 0) {
                compare(k, i);
                first[i] = grad;
                continue;
            }
            size_t bytes = (size_t)tr_tensor_count(&k->param[i]) * sizeof *grad;
            if (memcmp(first[i], grad, bytes))
                complain(k, "input %d: recompute %d gives other bits", i, m);
            free(grad);
        }
    }
    for (int i = 0; i < n_in(k->c); i++)
        free(first[i]);
}

void grad_check(const struct grad_case *c, char found[GRAD_TEXT])
{
    struct check k = { .c = c, .found = found };
    found[0] = 0;
    struct tr_rng rng = tr_rng_init(1, 0);
    for (int i = 0; i < n_in(c); i++) {
        int64_t n = n_rows(&c->in[i]) * c->in[i].cols;
        k.x[i] = xcalloc(n, sizeof(float));
        k.expected[i] = xcalloc(n, sizeof(double));
        draw(&rng, &c->in[i], k.x[i], n);
    }
    draw(&rng, &(struct grad_input){ .low = -1, .high = 1 }, weights, MAX_OUT);
    make_params(&k, 0);
    differences(&k);
    for (int pad = 0; pad <= PAD; pad += PAD) {
        make_params(&k, pad);
        for (unsigned mask = 1; mask < 1u << n_in(c); mask++) {
            k.start = 0.5f; /* backward must add */
            check_mask(&k, mask);
            k.start = NAN;
            check_mask(&k, mask);
        }
    }
    for (int i = 0; i < n_in(c); i++) {
        free(k.x[i]);
        free(k.expected[i]);
        free(k.param[i].data);
    }
}
