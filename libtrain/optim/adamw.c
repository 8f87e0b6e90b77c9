/* SPDX-License-Identifier: MIT
 *
 * AdamW (Loshchilov, Hutter 2019): Adam with decay applied to the parameter itself.
 */
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>

void tr__adamw_step(const struct tr_optim_step *s, int64_t n, float *param,
                    const float *grad, void *const *state)
{
    float *m = state[0], *v = state[1];
    /* scalars in double, rounded once: 1 - 0.999f is off by 5e-5 of itself */
    double b1 = s->option[TR__BETA1], b2 = s->option[TR__BETA2];
    double correct1 = 1 - pow(b1, (double)s->t), correct2 = 1 - pow(b2, (double)s->t);
    float rate = (float)(s->lr / correct1), root2 = (float)(1 / sqrt(correct2));
    float keep = (float)(1 - s->lr * s->weight_decay), eps = (float)s->option[TR__EPS];
    float beta1 = (float)b1, fresh1 = (float)(1 - b1);
    float beta2 = (float)b2, fresh2 = (float)(1 - b2);
    float scale = (float)s->grad_scale;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = grad[i] * scale;
        m[i] = beta1 * m[i] + fresh1 * g;
        v[i] = beta2 * v[i] + fresh2 * g * g;
        param[i] = param[i] * keep - rate * m[i] / (sqrtf(v[i]) * root2 + eps);
    }
}

const struct tr_option tr__adam_options[] = {
    TR__ADAM_OPTIONS,
    { .name = NULL },
};

const struct tr_optim tr__optim_adamw = {
    .name = "adamw",
    .option = tr__adam_options,
    .n_state = 2,
    .state = { { ".m", &tr_f32, 1, 0 }, { ".v", &tr_f32, 1, 1 } },
    .step = tr__adamw_step,
};
