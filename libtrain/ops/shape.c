/* SPDX-License-Identifier: MIT
 *
 * Other shapes of the same numbers.  Columns, rows and a new shape are views: they share
 * data and gradient with what they are made of, so there is nothing to compute either way.
 * Transposing and joining copy: an operation reads rows of numbers that lie side by side.
 */
#include <libtrain/ops/elementwise.h>

#include <string.h>

/* ---- views ------------------------------------------------------------------------- */

static void view_nothing(struct tr_node *nd)
{
    (void)nd;
}

#define VIEW_OP(op_name)                                                                 \
    const struct tr_op tr__op_##op_name = {                                              \
        .name = #op_name,                                                                \
        .forward = view_nothing,                                                         \
        .backward = view_nothing,                                                        \
    };

static struct tr_tensor *view(struct tr_tape *tp, const struct tr_op *op,
                              struct tr_tensor *x, struct tr_tensor *y)
{
    return tr_op_run(tp, &(struct tr_op_call){ .op = op, .in = { x }, .out = y });
}

VIEW_OP(columns)

struct tr_tensor *tr_columns(struct tr_tape *tp, struct tr_tensor *x, int64_t first,
                             int64_t width)
{
    const struct tr_op *op = &tr__op_columns;
    tr_op_require(tp, x->dtype == &tr_f32 && first >= 0 && width > 0 &&
                  first + width <= tr_tensor_cols(x), op, x, x);
    return view(tp, op, x, tr_op_alias(tp, x, first, tr_tensor_rows(x), width));
}

VIEW_OP(rows)

struct tr_tensor *tr_rows(struct tr_tape *tp, struct tr_tensor *x, int64_t first, int64_t n)
{
    const struct tr_op *op = &tr__op_rows;
    tr_op_require(tp, x->dtype == &tr_f32 && first >= 0 && n > 0 &&
                  first + n <= tr_tensor_rows(x), op, x, x);
    return view(tp, op, x, tr_op_alias(tp, x, first * x->ld, n, tr_tensor_cols(x)));
}

VIEW_OP(reshape)

struct tr_tensor *tr_reshape(struct tr_tape *tp, struct tr_tensor *x, int64_t rows,
                             int64_t cols)
{
    const struct tr_op *op = &tr__op_reshape;
    tr_op_require(tp, x->dtype == &tr_f32 && x->ld == tr_tensor_cols(x) && rows > 0 &&
                  cols > 0 && rows * cols == tr_tensor_count(x), op, x, x);
    struct tr_tensor *y = tr_op_alias(tp, x, 0, rows, cols);
    y->ld = tr_tensor_cols(y);
    return view(tp, op, x, y);
}

/* ---- transpose --------------------------------------------------------------------- */

/* to (cols, rows) = from (rows, cols)^T + beta * to, in squares that stay in cache. */
static void flip(const float *from, int64_t ld_from, int64_t rows, int64_t cols, float *to,
                 int64_t ld_to, int add)
{
    enum { SIDE = 32 };
#pragma omp parallel for schedule(static) if (tr__many(rows, cols))
    for (int64_t j0 = 0; j0 < cols; j0 += SIDE)
        for (int64_t i0 = 0; i0 < rows; i0 += SIDE)
            for (int64_t j = j0; j < j0 + SIDE && j < cols; j++)
                for (int64_t i = i0; i < i0 + SIDE && i < rows; i++)
                    to[j * ld_to + i] =
                        from[i * ld_from + j] + (add ? to[j * ld_to + i] : 0);
}

static void transpose_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    flip(x->data, x->ld, tr_tensor_rows(x), tr_tensor_cols(x), y->data, y->ld, 0);
}

static void transpose_backward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    flip(y->grad, y->ld, tr_tensor_rows(y), tr_tensor_cols(y), x->grad, x->ld,
         tr_op_grad_beta(nd->in[0]));
}

const struct tr_op tr__op_transpose = {
    .name = "transpose",
    .forward = transpose_forward,
    .backward = transpose_backward,
    .fills = 1u,
    .cheap = 1,
};

struct tr_tensor *tr_transpose(struct tr_tape *tp, struct tr_tensor *x)
{
    const struct tr_op *op = &tr__op_transpose;
    int64_t dim[] = { tr_tensor_cols(x), tr_tensor_rows(x) };
    tr_op_require(tp, x->dtype == &tr_f32, op, x, x);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { x },
                                               .out = tr_op_output(tp, op, 2, dim) });
}

/* ---- concat ------------------------------------------------------------------------ */

struct concat_args {
    enum tr_axis axis;
};

/* Where in[i] begins in the output: the number of its first element. */
static int64_t place_of(const struct tr_node *nd, int i)
{
    int by_rows = ((const struct concat_args *)nd->args)->axis == TR_AXIS_ROWS;
    int64_t at = 0;
    for (int j = 0; j < i; j++)
        at += by_rows ? tr_tensor_rows(nd->in[j]) * nd->out->ld : tr_tensor_cols(nd->in[j]);
    return at;
}

static void concat_forward(struct tr_node *nd)
{
    for (int i = 0; i < TR_MAX_IN && nd->in[i]; i++) {
        const struct tr_tensor *x = nd->in[i];
        float *y = (float *)nd->out->data + place_of(nd, i);
        size_t bytes = (size_t)tr_tensor_cols(x) * sizeof *y;
        for (int64_t r = 0; r < tr_tensor_rows(x); r++)
            memcpy(y + r * nd->out->ld, tr_tensor_row(x, r), bytes);
    }
}

static void concat_backward(struct tr_node *nd)
{
    for (int i = 0; i < TR_MAX_IN && nd->in[i]; i++) {
        const struct tr_tensor *x = nd->in[i];
        const float *dy = nd->out->grad + place_of(nd, i);
        for (int64_t r = 0; x->grad && r < tr_tensor_rows(x); r++, dy += nd->out->ld)
            for (int64_t j = 0; j < tr_tensor_cols(x); j++)
                tr_tensor_grad_row(x, r)[j] += dy[j];
    }
}

const struct tr_op tr__op_concat = {
    .name = "concat",
    .forward = concat_forward,
    .backward = concat_backward,
    .cheap = 1,
};

struct tr_tensor *tr_concat(struct tr_tape *tp, struct tr_tensor *const *x, int n,
                            enum tr_axis axis)
{
    const struct tr_op *op = &tr__op_concat;
    struct concat_args args = { axis };
    struct tr_op_call call = { .op = op, .args = &args, .args_bytes = sizeof args };
    int64_t dim[] = { 0, 0 };
    int by_rows = axis == TR_AXIS_ROWS;
    tr_op_require(tp, n > 0 && n <= TR_MAX_IN && axis != TR_AXIS_ALL, op, x[0], x[0]);
    for (int i = 0; i < n && i < TR_MAX_IN; i++) {
        int64_t rows = tr_tensor_rows(x[i]), cols = tr_tensor_cols(x[i]);
        tr_op_require(tp, x[i]->dtype == &tr_f32, op, x[0], x[i]);
        tr_op_require(tp, !i || (by_rows ? cols == dim[1] : rows == dim[0]), op, x[0],
                      x[i]);
        dim[0] = by_rows ? dim[0] + rows : rows;
        dim[1] = by_rows ? cols : dim[1] + cols;
        call.in[i] = x[i];
    }
    call.out = tr_op_output(tp, op, 2, dim);
    return tr_op_run(tp, &call);
}
