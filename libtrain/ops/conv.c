/* SPDX-License-Identifier: MIT
 *
 * A short causal convolution: every column is mixed with its own last few rows and with
 * nothing else.  Threads own columns, so sums over rows have one order.  Rows before the
 * first of a document are 0, those before the first of a call what the caller kept.
 * Derivation: docs/maths/conv.md.
 */
#include <libtrain/ops/ops.h>

#include <string.h>

enum { X, W, BIAS };
enum { BLOCK = 64 }; /* columns of a strip, and rows of a partial sum */

struct conv_args {
    const int32_t *pos; /* (n) */
    float *state;
};

/* Columns first … first + width - 1. */
struct strip {
    const struct tr_node *nd;
    const int32_t *pos;
    float *state;
    int64_t n, taps, first, width;
    float w[TR_CONV_TAPS][BLOCK]; /* w[i]: factors of the row i before */
};

static struct strip make_strip(const struct tr_node *nd, int64_t first)
{
    const struct conv_args *args = nd->args;
    const struct tr_tensor *w = nd->in[W];
    int64_t left = tr_tensor_cols(nd->out) - first;
    struct strip s = { .nd = nd, .pos = args->pos, .state = args->state,
                       .n = tr_tensor_rows(nd->out), .taps = tr_tensor_cols(w),
                       .first = first, .width = left < BLOCK ? left : BLOCK };
    for (int64_t j = 0; j < s.width; j++)
        for (int64_t i = 0; i < s.taps; i++)
            s.w[i][j] = tr_tensor_row(w, first + j)[s.taps - 1 - i];
    return s;
}

/* Row t of x, or of those that were kept if it is before the first. */
static const float *row_of(const struct strip *s, int64_t t)
{
    const struct tr_tensor *x = s->nd->in[X];
    if (t < 0)
        return s->state + (s->taps - 1 + t) * tr_tensor_cols(x) + s->first;
    return tr_tensor_row(x, t) + s->first;
}

static void forward_row(const struct strip *s, int64_t t)
{
    float *y = tr_tensor_row(s->nd->out, t) + s->first, sum[BLOCK] = { 0 };
    if (s->nd->in[BIAS])
        memcpy(sum, (const float *)s->nd->in[BIAS]->data + s->first,
               (size_t)s->width * sizeof *sum);
    for (int64_t i = 0; i < s->taps && i <= s->pos[t]; i++) {
        const float *x = row_of(s, t - i), *w = s->w[i];
#pragma omp simd
        for (int64_t j = 0; j < s->width; j++)
            sum[j] += w[j] * x[j];
    }
    memcpy(y, sum, (size_t)s->width * sizeof *y);
}

/* The last rows of all that have been seen. */
static void keep_rows(const struct strip *s)
{
    int64_t cols = tr_tensor_cols(s->nd->out);
    for (int64_t i = 0; s->state && i < s->taps - 1; i++)
        memmove(s->state + i * cols + s->first, row_of(s, s->n - (s->taps - 1) + i),
                (size_t)s->width * sizeof *s->state);
}

/* A row follows as many as its position says, which are here or were kept. */
static int positions_fit(const struct tr_node *nd)
{
    const struct conv_args *args = nd->args;
    for (int64_t t = 0; t < tr_tensor_rows(nd->out); t++)
        if (args->pos[t] < 0 || (args->pos[t] > t && !args->state)) {
            tr_err_set(&nd->scratch->err, TR_EMISMATCH,
                       "convolution: position %d in row %lld, there are %lld rows before it",
                       args->pos[t], (long long)t, (long long)t);
            return 0;
        }
    return 1;
}

static void causal_conv_forward(struct tr_node *nd)
{
    int64_t cols = tr_tensor_cols(nd->out), n = tr_tensor_rows(nd->out);
    if (!positions_fit(nd))
        return;
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t j = 0; j < cols; j += BLOCK) {
        struct strip s = make_strip(nd, j);
        for (int64_t t = 0; t < n; t++)
            forward_row(&s, t);
        keep_rows(&s);
    }
}

/* dx of a row comes from the rows behind that look at it. */
static void dx_row(const struct strip *s, int64_t t, int add)
{
    float *dx = tr_tensor_grad_row(s->nd->in[X], t) + s->first, sum[BLOCK] = { 0 };
    if (add)
        memcpy(sum, dx, (size_t)s->width * sizeof *sum);
    for (int64_t i = 0; i < s->taps && t + i < s->n && i <= s->pos[t + i]; i++) {
        const float *dy = tr_tensor_grad_row(s->nd->out, t + i) + s->first, *w = s->w[i];
#pragma omp simd
        for (int64_t j = 0; j < s->width; j++)
            sum[j] += w[j] * dy[j];
    }
    memcpy(dx, sum, (size_t)s->width * sizeof *dx);
}

/* Sums over rows from … end - 1: of the factors, and of the bias behind them. */
static void sum_rows(const struct strip *s, int64_t from, int64_t end,
                     float (*sum)[BLOCK])
{
    float *bias = sum[s->taps];
    for (int64_t t = from; t < end; t++) {
        const float *dy = tr_tensor_grad_row(s->nd->out, t) + s->first;
        for (int64_t j = 0; j < s->width; j++)
            bias[j] += dy[j];
        for (int64_t i = 0; i < s->taps && i <= s->pos[t]; i++) {
            const float *x = row_of(s, t - i);
            float *dw = sum[i];
#pragma omp simd
            for (int64_t j = 0; j < s->width; j++)
                dw[j] += dy[j] * x[j];
        }
    }
}

static void add_weights(const struct strip *s)
{
    const struct tr_tensor *w = s->nd->in[W], *bias = s->nd->in[BIAS];
    float all[TR_CONV_TAPS + 1][BLOCK] = { { 0 } };
    for (int64_t t = 0; t < s->n; t += BLOCK) {
        float part[TR_CONV_TAPS + 1][BLOCK] = { { 0 } };
        sum_rows(s, t, t + BLOCK < s->n ? t + BLOCK : s->n, part);
        for (int64_t i = 0; i <= s->taps; i++)
            for (int64_t j = 0; j < s->width; j++)
                all[i][j] += part[i][j];
    }
    for (int64_t j = 0; j < s->width; j++) {
        for (int64_t i = 0; w->grad && i < s->taps; i++)
            tr_tensor_grad_row(w, s->first + j)[s->taps - 1 - i] += all[i][j];
        if (bias && bias->grad)
            bias->grad[s->first + j] += all[s->taps][j];
    }
}

static void causal_conv_backward(struct tr_node *nd)
{
    int64_t cols = tr_tensor_cols(nd->out), n = tr_tensor_rows(nd->out);
    int sums = nd->in[W]->grad || (nd->in[BIAS] && nd->in[BIAS]->grad);
    int add = nd->in[X]->grad && tr_op_grad_beta(nd->in[X]);
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < cols; j += BLOCK) {
        struct strip s = make_strip(nd, j);
        for (int64_t t = 0; nd->in[X]->grad && t < n; t++)
            dx_row(&s, t, add);
        if (sums)
            add_weights(&s);
    }
}

const struct tr_op tr__op_causal_conv = {
    .name = "causal_conv",
    .forward = causal_conv_forward,
    .backward = causal_conv_backward,
    .fills = 1u << X,
    .cheap = 1,
};

struct tr_tensor *tr_causal_conv(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w, struct tr_tensor *bias,
                                 const int32_t *pos, float *state)
{
    const struct tr_op *op = &tr__op_causal_conv;
    int64_t n = tr_tensor_rows(x), cols = tr_tensor_cols(x);
    struct conv_args args = { pos, state };
    tr_op_require(tp, w->dtype == &tr_f32 && tr_tensor_rows(w) == cols &&
                  tr_tensor_cols(w) >= 1 && tr_tensor_cols(w) <= TR_CONV_TAPS, op, x, w);
    tr_op_require(tp, !bias || tr_tensor_count(bias) == cols, op, x, bias);
    tr_op_require(tp, !state || !x->needs_grad, op, x, w);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { x, w, bias },
                                                .out = tr_op_output(tp, op, 2,
                                                               (int64_t[]){ n, cols }),
                                                .args = &args,
                                                .args_bytes = sizeof args });
}
