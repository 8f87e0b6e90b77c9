/* SPDX-License-Identifier: MIT
 *
 * What the files of operations share: the list of them, a weight as the products of matmul/
 * see it, and the gradient of a bias.
 */
#ifndef LIBTRAIN_OPS_OPS_H
#define LIBTRAIN_OPS_OPS_H

#include <libtrain/matmul/matmul.h>
#include <libtrain/op.h>
#include <libtrain/ops.h>

#define TR_OP(name) extern const struct tr_op tr__op_##name;
#include <libtrain/ops/ops.def>
#undef TR_OP

/* All of t as one matrix, the last dimension along its rows. */
static inline struct tr__matrix tr__as_matrix(const struct tr_tensor *t)
{
    return (struct tr__matrix){ t->dtype, tr_tensor_rows(t), tr_tensor_cols(t), t->data,
                                t->grad, t->needs_grad, t->products, 0 };
}

/* to[j] += scale * sum of from[i][j] over n rows, in f32.  A thread owns its columns, so the
 * order of the sum does not depend on how many there are. */
void tr__add_column_sums(const float *from, int64_t ld, int64_t n, int64_t width,
                         float scale, float *to);

/* What n rows of y hold before a product is added: add + bias, of which either may be NULL;
 * add may be y itself.  ld…: numbers from row to row. */
void tr__begin_rows(float *y, int64_t ldy, int64_t n, int64_t width, const float *add,
                    int64_t ldadd, const float *bias);
/* to->grad += y->grad */
void tr__add_grad(const struct tr_tensor *y, const struct tr_tensor *to);

/* y (n) = softmax(x) */
void tr__softmax_row(const float *x, int64_t n, float *y);

#endif
