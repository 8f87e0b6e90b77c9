/* SPDX-License-Identifier: MIT
 *
 * Stochastic gradient descent with momentum beta1 (Polyak 1964) and decoupled decay; with
 * beta1 = 0 the plain form.  With `nesterov` (Sutskever et al. 2013) the gradient counts as
 * it will when the next one comes.
 */
#include <libtrain/optim/optim.h>

#include <stddef.h>

enum { BETA1, NESTEROV };

static void sgd_step(const struct tr_optim_step *s, int64_t n, float *param,
                     const float *grad, void *const *state)
{
    float *m = state[0];
    float keep = (float)(1 - s->lr * s->weight_decay);
    float beta1 = (float)s->option[BETA1], lr = (float)s->lr, scale = (float)s->grad_scale;
    /* what is gone along: 1 of the momentum, or beta1 of it and the gradient itself */
    int ahead = s->option[NESTEROV] > 0;
    float by_m = ahead ? lr * beta1 : lr, by_g = ahead ? lr * scale : 0;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + grad[i] * scale;
        param[i] = param[i] * keep - by_m * m[i] - by_g * grad[i];
    }
}

static const struct tr_option sgd_options[] = {
    [BETA1] = { "beta1", 0, 0.9999999, 0.9, "momentum", 1 },
    [NESTEROV] = { "nesterov", 0, 1, 0, "1: Nesterov's form of it", 0 },
    { .name = NULL },
};

const struct tr_optim tr__optim_sgd = {
    .name = "sgd",
    .option = sgd_options,
    .n_state = 1,
    .state = { { .suffix = ".m", .dtype = &tr_f32, .per = 1 } },
    .step = sgd_step,
};
