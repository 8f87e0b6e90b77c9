/* SPDX-License-Identifier: MIT
 *
 * What several segments read.  A segment's own tensors may be computed again or die with it,
 * so what outlives it is a copy, complete when it is made: nothing that runs later writes to
 * it, and a recomputation never comes near it.  Its gradient gets memory at once too, beside
 * the data: the plan counts both, and two sweeps over the same pass use the same.  All of it
 * is f32, since segments fetch from F16 only what is theirs.  Next: tape_backward.c.
 */
#include <libtrain/autograd/tape.h>

#include <string.h>

static void share_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(y);
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++)
        memcpy(tr_tensor_row(y, i), tr_tensor_row(x, i),
               (size_t)tr_tensor_cols(y) * sizeof(float));
}

static void share_backward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++) {
        const float *dy = tr_tensor_grad_row(y, i);
        float *dx = tr_tensor_grad_row(x, i);
#pragma omp simd
        for (int64_t j = 0; j < width; j++)
            dx[j] += dy[j];
    }
}

static const struct tr_op op_share = { .name = "share",
                                       .forward = share_forward,
                                       .backward = share_backward };

struct tr_tensor *tr_tape_share(struct tr_tape *tp, struct tr_tensor *t)
{
    int64_t dim[] = { tr_tensor_rows(t), tr_tensor_cols(t) };
    struct tr_tensor *s = tr__tape_tensor(tp, op_share.name, 2, dim);
    if (!s)
        return tr__tape_spare(tp);
    s->kept = s->shared = 1;
    s->data = tr_arena_alloc(&tp->kept, tr__tape_bytes(s));
    tr_op_run(tp, &(struct tr_op_call){ .op = &op_share, .in = { t }, .out = s });
    tp->seg[tp->n_seg].shares = 1;
    if (s->needs_grad) {
        s->grad = tr_arena_alloc(&tp->kept, tr__tape_bytes(s));
        tp->seg[tp->n_seg].shares_grad = 1;
    }
    return s;
}
