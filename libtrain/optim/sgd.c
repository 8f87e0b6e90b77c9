/* SPDX-License-Identifier: MIT
 *
 * Stochastic gradient descent with momentum beta1 (Polyak 1964) and decoupled decay; with
 * beta1 = 0 the plain form.
 */
#include <libtrain/optim/optim.h>

#include <stddef.h>

enum { BETA1 };

static void sgd_step(const struct tr_optim_step *s, int64_t n, float *param,
                     const float *grad, void *const *state)
{
    float *m = state[0];
    float keep = (float)(1 - s->lr * s->weight_decay);
    float beta1 = (float)s->option[BETA1], lr = (float)s->lr, scale = (float)s->grad_scale;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + grad[i] * scale;
        param[i] = param[i] * keep - lr * m[i];
    }
}

static const struct tr_option sgd_options[] = {
    [BETA1] = { "beta1", 0, 0.9999999, 0.9, "momentum", 1 },
    { .name = NULL },
};

const struct tr_optim tr__optim_sgd = {
    .name = "sgd",
    .option = sgd_options,
    .n_state = 1,
    .state = { { ".m", &tr_f32, 1, 0 } },
    .step = sgd_step,
};
