/* SPDX-License-Identifier: MIT
 *
 * A linear layer: an activation times a weight, which may be packed, frozen or an adapter's,
 * with what would else be one more pass over the result.  How the three products are made
 * is known to matmul/.  Derivation: docs/maths/linear.md.
 */
#include <libtrain/ops/ops.h>

#include <string.h>

enum { X, W, BIAS, ADD };

struct linear_args {
    int in_place;
    float scale;
};

void tr__begin_rows(float *y, int64_t ldy, int64_t n, int64_t width, const float *add,
                    int64_t ldadd, const float *bias)
{
    if (!bias && add == y)
        return;
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++) {
        float *row = y + i * ldy;
        if (add && add != y)
            memcpy(row, add + i * ldadd, (size_t)width * sizeof *row);
        else if (!add)
            memset(row, 0, (size_t)width * sizeof *row);
        for (int64_t j = 0; bias && j < width; j++)
            row[j] += bias[j];
    }
}

static void linear_forward(struct tr_node *nd)
{
    const struct linear_args *args = nd->args;
    const struct tr_tensor *x = nd->in[X], *w = nd->in[W], *y = nd->out;
    struct tr__matrix m = tr__as_matrix(w);
    const struct tr_tensor *bias = nd->in[BIAS], *add = nd->in[ADD];
    int starts_empty = !bias && !add;
    if (!starts_empty)
        tr__begin_rows(y->data, y->ld, tr_tensor_rows(y), tr_tensor_cols(y),
                       add ? add->data : NULL, add ? add->ld : 0, bias ? bias->data : NULL);
    tr__gemm_xwt(nd->scratch, tr_tensor_rows(x), args->scale, x->data, x->ld, &m,
                 starts_empty ? 0.0f : 1.0f, y->data, y->ld);
}

void tr__add_grad(const struct tr_tensor *y, const struct tr_tensor *to)
{
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float *dy = y->grad + i * y->ld;
        float *d = to->grad + i * to->ld;
        for (int64_t j = 0; j < width; j++)
            d[j] += dy[j];
    }
}

static void linear_backward(struct tr_node *nd)
{
    const struct linear_args *args = nd->args;
    struct tr_tensor *x = nd->in[X], *w = nd->in[W];
    const struct tr_tensor *y = nd->out;
    struct tr__matrix m = tr__as_matrix(w);
    int64_t n = tr_tensor_rows(x);
    if (x->grad)
        tr__gemm_dyw(nd->scratch, n, args->scale, y->grad, y->ld, &m, tr_op_grad_beta(x),
                     x->grad, x->ld);
    if (w->grad)
        tr__gemm_dytx(nd->scratch, n, args->scale, y->grad, y->ld, x->data, x->ld,
                      tr_op_grad_beta(w), &m);
    if (nd->in[BIAS] && nd->in[BIAS]->grad)
        tr__add_column_sums(y->grad, y->ld, n, tr_tensor_cols(y), 1, nd->in[BIAS]->grad);
    if (nd->in[ADD] && nd->in[ADD]->grad && !args->in_place)
        tr__add_grad(y, nd->in[ADD]);
}

static size_t linear_scratch(const struct tr_node *nd, int backward)
{
    (void)backward;
    struct tr__matrix m = tr__as_matrix(nd->in[W]);
    return tr__gemm_scratch(tr_tensor_rows(nd->in[X]), &m);
}

static size_t linear_library(const struct tr_node *nd)
{
    struct tr__matrix m = tr__as_matrix(nd->in[W]);
    return tr__gemm_library(tr_tensor_rows(nd->in[X]), &m);
}

static double linear_work(const struct tr_node *nd, int backward)
{
    const struct tr_tensor *x = nd->in[X], *w = nd->in[W];
    int products = backward ? x->needs_grad + w->needs_grad : 1;
    return 2.0 * products * (double)tr_tensor_rows(x) * (double)tr_tensor_count(w);
}

const struct tr_op tr__op_linear = {
    .name = "linear",
    .forward = linear_forward,
    .backward = linear_backward,
    .scratch = linear_scratch,
    .library = linear_library,
    .work = linear_work,
    .fills = 1u << X | 1u << W,
};

struct tr_tensor *tr_linear(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w,
                            const struct tr_linear *opt)
{
    const struct tr_op *op = &tr__op_linear;
    struct tr_linear o = opt ? *opt : (struct tr_linear){0};
    int64_t n = tr_tensor_rows(x), n_out = tr_tensor_rows(w);
    tr_op_require(tp, tr_tensor_cols(x) == tr_tensor_cols(w), op, x, w);
    tr_op_require(tp, !o.bias || tr_tensor_count(o.bias) == n_out, op, o.bias, w);
    tr_op_require(tp,
                  !o.add || (tr_tensor_rows(o.add) == n && tr_tensor_cols(o.add) == n_out),
                  op, o.add, w);
    tr_op_require(tp, o.add || !o.in_place, op, x, w);
    struct linear_args args = { o.in_place, o.scale == 0 ? 1.0f : o.scale };
    struct tr_tensor *y = o.in_place
                              ? tr_op_alias(tp, o.add, 0, n, n_out)
                              : tr_op_output(tp, op, 2, (int64_t[]){ n, n_out });
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { x, w, o.bias, o.add },
                                                .out = y,
                                                .args = &args,
                                                .args_bytes = sizeof args });
}
