/* SPDX-License-Identifier: MIT
 *
 * An operation of one's own: y = x / (1 + x^2), and is its gradient right?
 */
#include <libtrain/libtrain.h>

#include <stdio.h>

static void squash_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    for (int64_t i = 0; i < tr_tensor_rows(y); i++)
        for (int64_t j = 0; j < tr_tensor_cols(y); j++) {
            float v = tr_tensor_row(x, i)[j];
            tr_tensor_row(y, i)[j] = v / (1 + v * v);
        }
}

static void squash_backward(struct tr_node *nd) /* dx += dy (1 - x^2) / (1 + x^2)^2 */
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    for (int64_t i = 0; i < tr_tensor_rows(y); i++)
        for (int64_t j = 0; j < tr_tensor_cols(y); j++) {
            float v = tr_tensor_row(x, i)[j], below = 1 + v * v;
            tr_tensor_grad_row(x, i)[j] +=
                tr_tensor_grad_row(y, i)[j] * (1 - v * v) / (below * below);
        }
}

static const struct tr_op op_squash = { .name = "squash",
                                        .forward = squash_forward,
                                        .backward = squash_backward };

static struct tr_tensor *squash(struct tr_tape *tape, struct tr_tensor *x)
{
    int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
    struct tr_op_call call = { .op = &op_squash, .in = { x } };
    call.out = tr_op_output(tape, &op_squash, 2, dim);
    return tr_op_run(tape, &call);
}

static struct tr_tensor *function(void *ctx, struct tr_tape *tape, struct tr_tensor **in)
{
    (void)ctx;
    return squash(tape, tr_mul(tape, in[0], in[1]));
}

int main(void)
{
    struct tr_err err = { 0 };
    struct tr_gradcheck check = { .name = "squash of a product", .f = function,
                                  .in = { { .rows = 4, .cols = 6 }, { .cols = 6 } } };
    if (tr_gradcheck(&check, &err))
        fprintf(stderr, "own_op: %s\n", err.text);
    else
        puts("squash: the gradient is right");
    return err.code != 0;
}
