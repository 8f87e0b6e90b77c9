/* SPDX-License-Identifier: MIT
 *
 * Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms"): every number
 * moves by the rate, in the direction of a mean of momentum and gradient.  It keeps one
 * moment, and wants a rate some three to ten times smaller than AdamW's, and as much more
 * decay.
 */
#include <libtrain/optim/optim.h>

#include <stddef.h>

enum { BETA1, BETA2 };

static void lion_step(const struct tr_optim_step *s, int64_t n, float *param,
                      const float *grad, void *const *state)
{
    float *m = state[0];
    double b1 = s->option[BETA1], b2 = s->option[BETA2];
    float keep = (float)(1 - s->lr * s->weight_decay), lr = (float)s->lr;
    float beta1 = (float)b1, fresh1 = (float)((1 - b1) * s->grad_scale);
    float beta2 = (float)b2, fresh2 = (float)((1 - b2) * s->grad_scale);
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float to = beta1 * m[i] + fresh1 * grad[i];
        float sign = (float)((to > 0) - (to < 0));
        param[i] = param[i] * keep - lr * sign;
        m[i] = beta2 * m[i] + fresh2 * grad[i];
    }
}

static const struct tr_option lion_options[] = {
    [BETA1] = { "beta1", 0, 0.9999999, 0.9, "share of the momentum in the direction", 1 },
    [BETA2] = { "beta2", 0, 0.9999999, 0.99, "decay of the momentum", 1 },
    { .name = NULL },
};

const struct tr_optim tr__optim_lion = {
    .name = "lion",
    .option = lion_options,
    .n_state = 1,
    .state = { { .suffix = ".m", .dtype = &tr_f32, .per = 1 } },
    .step = lion_step,
};
