/* SPDX-License-Identifier: MIT
 *
 * softmax, its logarithm, and cross-entropy for a small number of classes, row by row.
 * What is kept of a row is its maximum and the sum of exp(x - maximum); backward computes
 * the exponentials again.  A language model's loss is output_loss.c, which never has all
 * logits at once.  Derivation: docs/maths/softmax.md.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/elementwise.h>

#include <math.h>

/* ---- a row ------------------------------------------------------------------------- */

static float max_of(const float *x, int64_t n)
{
    float max = -INFINITY;
    for (int64_t j = 0; j < n; j++)
        max = x[j] > max ? x[j] : max; /* a NaN makes the sum one */
    return max;
}

/* saved (2): maximum, sum */
static void measure(const float *x, int64_t n, float *saved)
{
    float max = max_of(x, n);
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += (double)tr__expf(x[j] - max);
    saved[0] = max;
    saved[1] = (float)sum;
}

/* to[j] = times * softmax(x)[j], added to what is there if `add`. */
static void put_softmax(const float *x, const float *saved, int64_t n, float times,
                        float *to, int add)
{
    float max = saved[0], factor = times / saved[1];
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        to[j] = tr__expf(x[j] - max) * factor + (add ? to[j] : 0);
}

void tr__softmax_row(const float *x, int64_t n, float *y)
{
    float saved[2];
    measure(x, n, saved);
    put_softmax(x, saved, n, 1, y, 0);
}

static size_t two_a_row(const struct tr_tensor *x)
{
    return 2 * (size_t)tr_tensor_rows(x);
}

static struct tr_tensor *like_x(struct tr_tape *tp, const struct tr_op *op,
                                struct tr_tensor *x)
{
    int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
    tr_op_require(tp, x->dtype == &tr_f32, op, x, x);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { x },
                                               .out = tr_op_output(tp, op, 2, dim),
                                               .n_saved = two_a_row(x) });
}

/* ---- softmax ----------------------------------------------------------------------- */

static void softmax_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++) {
        float *saved = nd->saved + 2 * i;
        measure(tr_tensor_row(x, i), width, saved);
        put_softmax(tr_tensor_row(x, i), saved, width, 1, tr_tensor_row(y, i), 0);
    }
}

/* dx = p (dy - p . dy) */
static void softmax_row_backward(const float *x, const float *saved, const float *dy,
                                 float *dx, int64_t n)
{
    float max = saved[0], inverse = 1.0f / saved[1];
    double dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t j = 0; j < n; j++)
        dot += (double)(tr__expf(x[j] - max) * inverse * dy[j]);
    float less = (float)dot;
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        dx[j] += tr__expf(x[j] - max) * inverse * (dy[j] - less);
}

static void softmax_backward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        softmax_row_backward(tr_tensor_row(x, i), nd->saved + 2 * i,
                             tr_tensor_grad_row(y, i), tr_tensor_grad_row(x, i), width);
}

const struct tr_op tr__op_softmax = {
    .name = "softmax",
    .forward = softmax_forward,
    .backward = softmax_backward,
};

struct tr_tensor *tr_softmax(struct tr_tape *tp, struct tr_tensor *x)
{
    return like_x(tp, &tr__op_softmax, x);
}

/* ---- its logarithm ----------------------------------------------------------------- */

static void log_softmax_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++) {
        const float *from = tr_tensor_row(x, i);
        float *to = tr_tensor_row(y, i), *saved = nd->saved + 2 * i;
        measure(from, width, saved);
        float log_sum = logf(saved[1]);
        for (int64_t j = 0; j < width; j++)
            to[j] = from[j] - saved[0] - log_sum;
    }
}

/* dx = dy - p sum(dy) */
static void log_softmax_backward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++) {
        const float *dy = tr_tensor_grad_row(y, i);
        float *dx = tr_tensor_grad_row(x, i);
        double sum = 0;
        for (int64_t j = 0; j < width; j++) {
            dx[j] += dy[j];
            sum += (double)dy[j];
        }
        put_softmax(tr_tensor_row(x, i), nd->saved + 2 * i, width, (float)-sum, dx, 1);
    }
}

const struct tr_op tr__op_log_softmax = {
    .name = "log_softmax",
    .forward = log_softmax_forward,
    .backward = log_softmax_backward,
};

struct tr_tensor *tr_log_softmax(struct tr_tape *tp, struct tr_tensor *x)
{
    return like_x(tp, &tr__op_log_softmax, x);
}

/* ---- cross-entropy ----------------------------------------------------------------- */

struct cross_entropy_args {
    const int32_t *target; /* (n) */
};

/* Rows with a target; -1 if a target is no column. */
static int64_t count_targets(const struct tr_node *nd)
{
    const struct cross_entropy_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->in[0]), width = tr_tensor_cols(nd->in[0]), count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (args->target[i] >= width) {
            tr_err_set(&nd->scratch->err, TR_EMISMATCH,
                       "cross_entropy: target %d in row %lld, there are %lld classes",
                       args->target[i], (long long)i, (long long)width);
            return -1;
        }
        count += args->target[i] >= 0;
    }
    return count;
}

static void cross_entropy_forward(struct tr_node *nd)
{
    const struct cross_entropy_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0];
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x), count = count_targets(nd);
    double sum = 0;
    if (count < 0)
        return;
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        measure(tr_tensor_row(x, i), width, nd->saved + 2 * i);
    for (int64_t i = 0; i < n; i++)
        if (args->target[i] >= 0)
            sum += log((double)nd->saved[2 * i + 1]) + (double)nd->saved[2 * i] -
                   (double)tr_tensor_row(x, i)[args->target[i]];
    *(float *)nd->out->data = count ? (float)(sum / (double)count) : 0;
}

/* dx = (p - onehot(target)) dy / count */
static void cross_entropy_backward(struct tr_node *nd)
{
    const struct cross_entropy_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0];
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x), count = count_targets(nd);
    float each = nd->out->grad[0] / (float)count;
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++) {
        if (args->target[i] < 0)
            continue;
        float *dx = tr_tensor_grad_row(x, i);
        put_softmax(tr_tensor_row(x, i), nd->saved + 2 * i, width, each, dx, 1);
        dx[args->target[i]] -= each;
    }
}

const struct tr_op tr__op_cross_entropy = {
    .name = "cross_entropy",
    .forward = cross_entropy_forward,
    .backward = cross_entropy_backward,
};

struct tr_tensor *tr_cross_entropy(struct tr_tape *tp, struct tr_tensor *x,
                                   const int32_t *target)
{
    const struct tr_op *op = &tr__op_cross_entropy;
    struct cross_entropy_args args = { target };
    tr_op_require(tp, x->dtype == &tr_f32, op, x, x);
    struct tr_tensor *y = tr_op_output(tp, op, 1, (int64_t[]){ 1 });
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { x },
                                               .out = y,
                                               .args = &args,
                                               .args_bytes = sizeof args,
                                               .n_saved = two_a_row(x) });
}
