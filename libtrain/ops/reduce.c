/* SPDX-License-Identifier: MIT
 *
 * Sums and means: of all numbers, over the rows, over the columns.  Sums are taken in f64
 * and in an order that does not depend on the number of threads.  A mean is a sum with a
 * factor.
 */
#include <libtrain/ops/elementwise.h>

struct sum_args {
    enum tr_axis axis;
    float scale;
};

enum { COLUMNS = 64 }; /* that a thread sums at once */

void tr__add_column_sums(const float *from, int64_t ld, int64_t n, int64_t width,
                         float scale, float *to)
{
#pragma omp parallel for schedule(static)
    for (int64_t j0 = 0; j0 < width; j0 += COLUMNS) {
        int64_t wide = width - j0 < COLUMNS ? width - j0 : COLUMNS;
        for (int64_t i = 0; i < n; i++) {
            const float *row = from + i * ld + j0;
            for (int64_t j = 0; j < wide; j++)
                to[j0 + j] += scale * row[j];
        }
    }
}

static double sum_of_row(const float *x, int64_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += (double)x[j];
    return sum;
}

/* Columns j … j + wide - 1. */
static void sum_columns(const struct tr_tensor *x, int64_t j, int64_t wide, float scale,
                        float *y)
{
    double sum[COLUMNS] = { 0 };
    for (int64_t i = 0; i < tr_tensor_rows(x); i++) {
        const float *row = tr_tensor_row(x, i) + j;
        for (int64_t l = 0; l < wide; l++)
            sum[l] += (double)row[l];
    }
    for (int64_t l = 0; l < wide; l++)
        y[l] = (float)((double)scale * sum[l]);
}

static void sum_forward(struct tr_node *nd)
{
    const struct sum_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0];
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
    float *y = nd->out->data;
    if (args->axis == TR_AXIS_ROWS) {
#pragma omp parallel for schedule(static) if (tr__many(n, width))
        for (int64_t j = 0; j < width; j += COLUMNS)
            sum_columns(x, j, width - j < COLUMNS ? width - j : COLUMNS, args->scale,
                        y + j);
        return;
    }
    size_t mark = tr_arena_mark(nd->scratch);
    double *sum = tr_arena_array(nd->scratch, (size_t)n, sizeof *sum), all = 0;
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        sum[i] = sum_of_row(tr_tensor_row(x, i), width);
    for (int64_t i = 0; i < n; i++)
        if (args->axis == TR_AXIS_COLUMNS)
            y[i] = (float)((double)args->scale * sum[i]);
        else
            all += sum[i];
    if (args->axis == TR_AXIS_ALL)
        *y = (float)((double)args->scale * all);
    tr_arena_rewind(nd->scratch, mark);
}

/* dx = scale * dy, of what the number went into. */
static void sum_backward(struct tr_node *nd)
{
    const struct sum_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0];
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
    const float *dy = nd->out->grad;
    int add = tr_op_grad_beta(nd->in[0]);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++) {
        float *dx = tr_tensor_grad_row(x, i), scale = args->scale;
        float one = args->axis == TR_AXIS_COLUMNS ? dy[i] : dy[0];
        for (int64_t j = 0; j < width; j++)
            dx[j] = scale * (args->axis == TR_AXIS_ROWS ? dy[j] : one) + (add ? dx[j] : 0);
    }
}

static size_t sum_scratch(const struct tr_node *nd, int backward)
{
    return backward ? 0 : (size_t)tr_tensor_rows(nd->in[0]) * sizeof(double);
}

const struct tr_op tr__op_sum = {
    .name = "sum",
    .forward = sum_forward,
    .backward = sum_backward,
    .scratch = sum_scratch,
    .fills = 1u,
    .cheap = 1,
};

static struct tr_tensor *scaled_sum(struct tr_tape *tp, struct tr_tensor *x,
                                    enum tr_axis axis, float scale)
{
    const struct tr_op *op = &tr__op_sum;
    int64_t dim[] = { axis == TR_AXIS_COLUMNS ? tr_tensor_rows(x) : 1,
                      axis == TR_AXIS_ROWS ? tr_tensor_cols(x) : 1 };
    struct sum_args args = { axis, scale };
    tr_op_require(tp, x->dtype == &tr_f32, op, x, x);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { x },
                                               .out = tr_op_output(tp, op, 2, dim),
                                               .args = &args,
                                               .args_bytes = sizeof args });
}

struct tr_tensor *tr_sum(struct tr_tape *tp, struct tr_tensor *x, enum tr_axis axis)
{
    return scaled_sum(tp, x, axis, 1);
}

struct tr_tensor *tr_mean(struct tr_tape *tp, struct tr_tensor *x, enum tr_axis axis)
{
    int64_t n = axis == TR_AXIS_ROWS      ? tr_tensor_rows(x)
                : axis == TR_AXIS_COLUMNS ? tr_tensor_cols(x)
                                          : tr_tensor_count(x);
    return scaled_sum(tp, x, axis, 1.0f / (float)n);
}

struct tr_tensor *tr_mse(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *y)
{
    struct tr_tensor *d = tr_sub(tp, x, y);
    return tr_mean(tp, tr_mul(tp, d, d), TR_AXIS_ALL);
}
