/* SPDX-License-Identifier: MIT
 *
 * What a few rows of a table gain, added to where they were looked up: the table itself may be
 * packed and stays as it is.  See embedding.c, and docs/maths/embedding.md.
 */
#include <libtrain/ops/ops.h>

enum { X, ROWS };

struct add_rows_args {
    const int32_t *id;
    int64_t first;
    float scale;
};

/* Which row, or -1. */
static int64_t row_of(const struct tr_node *nd, int64_t i)
{
    const struct add_rows_args *args = nd->args;
    int64_t row = args->id[i] - args->first;
    return row >= 0 && row < tr_tensor_rows(nd->in[ROWS]) ? row : -1;
}

static void add_rows_forward(struct tr_node *nd)
{
    const struct add_rows_args *args = nd->args;
    int64_t n = tr_tensor_rows(nd->out), width = tr_tensor_cols(nd->out);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        int64_t row = row_of(nd, i);
        float *y = tr_tensor_row(nd->out, i);
        const float *r = row < 0 ? NULL : tr_tensor_row(nd->in[ROWS], row);
#pragma omp simd
        for (int64_t j = 0; j < (r ? width : 0); j++)
            y[j] += args->scale * r[j];
    }
}

/* Positions share rows, so a thread owns columns: every sum has the order of the positions. */
static void add_rows_backward(struct tr_node *nd)
{
    enum { COLUMNS = 64 };
    const struct add_rows_args *args = nd->args;
    const struct tr_tensor *rows = nd->in[ROWS];
    int64_t n = tr_tensor_rows(nd->out), width = tr_tensor_cols(nd->out);
    if (!rows->grad)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t j0 = 0; j0 < width; j0 += COLUMNS) {
        int64_t wide = width - j0 < COLUMNS ? width - j0 : COLUMNS;
        for (int64_t i = 0; i < n; i++) {
            int64_t row = row_of(nd, i);
            if (row < 0)
                continue;
            const float *dy = tr_tensor_grad_row(nd->out, i) + j0;
            float *to = tr_tensor_grad_row(rows, row) + j0;
#pragma omp simd
            for (int64_t j = 0; j < wide; j++)
                to[j] += args->scale * dy[j];
        }
    }
}

const struct tr_op tr__op_add_rows = {
    .name = "add_rows",
    .forward = add_rows_forward,
    .backward = add_rows_backward,
};

struct tr_tensor *tr_add_rows(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *rows,
                              const int32_t *id, int64_t first, float scale)
{
    const struct tr_op *op = &tr__op_add_rows;
    tr_op_require(tp, rows->dtype == &tr_f32 && tr_tensor_cols(x) == tr_tensor_cols(rows), op,
                  x, rows);
    struct add_rows_args args = { id, first, scale };
    return tr_op_run(tp, &(struct tr_op_call){
                             .op = op,
                             .in = { x, rows },
                             .out = tr_op_alias(tp, x, 0, tr_tensor_rows(x), tr_tensor_cols(x)),
                             .args = &args,
                             .args_bytes = sizeof args });
}
