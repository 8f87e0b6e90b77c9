/* SPDX-License-Identifier: MIT
 *
 * A tape with what a test runs on it, planned and for real.
 */
#include "tape_run.h"

#include <libtrain/op.h>

#include <check.h>
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

struct tr_tensor *tape_copy(struct tr_tape *tp, struct tr_tensor *x)
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

struct tr_tensor *tape_weigh(struct tr_tape *tp, struct tr_tensor *x, const float *c,
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

struct tr_tape *tape_planned(enum tr_tape_mode mode, enum tr_recompute recompute,
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

double slope_of(const double f[4], double h)
{
    return (8 * (f[1] - f[2]) - (f[0] - f[3])) / (12 * h);
}
