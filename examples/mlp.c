/* SPDX-License-Identifier: MIT
 *
 * A small net on the tape: exclusive or, learnt by two layers.
 */
#include <libtrain/libtrain.h>

#include <stdio.h>

enum { HIDDEN = 8, STEPS = 300 };

static float inputs[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };
static float outputs[4][1] = { { 0 }, { 1 }, { 1 }, { 0 } };

static struct tr_tensor matrix(const char *name, int64_t rows, int64_t cols, void *data)
{
    int64_t dim[] = { rows, cols };
    return tr_tensor_make(name, &tr_f32, 2, dim, data);
}

static void fill(struct tr_tensor *t, struct tr_rng *rng)
{
    for (int64_t i = 0; i < tr_tensor_count(t); i++)
        ((float *)t->data)[i] = tr_rng_normal(rng);
}

/* One step; returns the loss before it. */
static float step(struct tr_tape *tp, struct tr_params *p, struct tr_tensor *x,
                  struct tr_tensor *y, struct tr_tensor w[3], int64_t t)
{
    struct tr_linear with_bias = { .bias = &w[1] };
    tr_tape_reset(tp);
    tr_params_empty_grads(p);
    struct tr_tensor *h = tr_tanh(tp, tr_linear(tp, x, &w[0], &with_bias));
    struct tr_tensor *loss = tr_mse(tp, tr_linear(tp, h, &w[2], NULL), y);
    if (tr_tape_backward(tp, loss))
        return -1;
    tr_params_settle_grads(p);
    struct tr_optim_step update = { .lr = 0.05, .grad_scale = 1, .t = t };
    tr_params_update(p, &update);
    return *(float *)loss->data;
}

int main(void)
{
    struct tr_err err = { 0 };
    struct tr_params p;
    struct tr_rng rng = tr_rng_init(1, 0);
    int64_t n_hidden[] = { HIDDEN };
    struct tr_tensor x = matrix("x", 4, 2, inputs), y = matrix("y", 4, 1, outputs);
    struct tr_tensor w[3] = { matrix("w1", HIDDEN, 2, NULL),
                              tr_tensor_make("b1", &tr_f32, 1, n_hidden, NULL),
                              matrix("w2", 1, HIDDEN, NULL) };
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_NONE, NULL, &err);
    if (!tp || tr_params_init(&p, 3, tr_optim_by_name("adamw"), &err))
        return 1;
    for (int i = 0; i < 3; i++)
        tr_params_add(&p, &w[i]);
    if (tr_params_allocate(&p, &err))
        return 1;
    fill(&w[0], &rng);
    fill(&w[2], &rng);
    for (int64_t t = 1; t <= STEPS; t++) {
        float loss = step(tp, &p, &x, &y, w, t);
        if (t == 1 || t % 100 == 0)
            printf("step %lld: loss %.6f\n", (long long)t, (double)loss);
    }
    tr_params_release(&p);
    tr_tape_free(tp);
    return 0;
}
