/* SPDX-License-Identifier: MIT
 *
 * Weights of chosen experts, times a number that is learned for each expert.  It stands apart
 * from route.c since some of what is weighted may be without it: what adapters add.
 * Derivation: docs/maths/experts.md.
 */
#include <libtrain/ops/route.h>

enum { WEIGHT, CHOICE, FACTOR };

static void by_expert_forward(struct tr_node *nd)
{
    const struct tr_tensor *w = nd->in[WEIGHT], *y = nd->out;
    const int32_t *chosen = nd->in[CHOICE]->data;
    const float *factor = nd->in[FACTOR]->data;
    int64_t n = tr_tensor_rows(y), k = tr_tensor_cols(y);
    for (int64_t t = 0; t < n; t++)
        for (int64_t j = 0; j < k; j++)
            tr_tensor_row(y, t)[j] = tr_tensor_row(w, t)[j] * factor[chosen[t * k + j]];
}

/* Position after position, since they share the experts. */
static void by_expert_backward(struct tr_node *nd)
{
    const struct tr_tensor *w = nd->in[WEIGHT], *f = nd->in[FACTOR], *y = nd->out;
    const int32_t *chosen = nd->in[CHOICE]->data;
    const float *factor = f->data;
    int64_t n = tr_tensor_rows(y), k = tr_tensor_cols(y);
    for (int64_t t = 0; t < n; t++, chosen += k)
        for (int64_t j = 0; j < k; j++) {
            float dy = tr_tensor_grad_row(y, t)[j];
            if (w->grad)
                tr_tensor_grad_row(w, t)[j] += dy * factor[chosen[j]];
            if (f->grad)
                f->grad[chosen[j]] += dy * tr_tensor_row(w, t)[j];
        }
}

struct tr_tensor *tr_by_expert(struct tr_tape *tp, const struct tr_routing *r,
                               struct tr_tensor *factor)
{
    const struct tr_op *op = &tr__op_by_expert;
    tr_op_require(tp, factor->dtype == &tr_f32 && tr_tensor_count(factor) == r->n_expert, op,
                  r->weight, factor);
    struct tr_op_call call = { .op = op, .in = { r->weight, r->choice, factor } };
    call.out = tr_op_output(tp, op, 2, r->weight->dim);
    return tr_op_run(tp, &call);
}

const struct tr_op tr__op_by_expert = {
    .name = "by_expert",
    .forward = by_expert_forward,
    .backward = by_expert_backward,
    .cheap = 1,
};
