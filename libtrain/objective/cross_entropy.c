/* SPDX-License-Identifier: MIT
 *
 * Cross-entropy over softmax, -log p(target).  It is called by
 * ops/output_loss.c, a row at a time.
 *
 * With label smoothing e (Szegedy et al. 2016) the target has the probability 1 - e, and e is
 * shared by all ids, as in PyTorch.  The z-loss (Chowdhery et al. 2022, "PaLM") adds the
 * square of the logarithm of the sum, which keeps logits from drifting.
 */
#include <libtrain/objective/objective.h>

#include <math.h>

enum { LABEL_SMOOTHING, Z_LOSS };
static const float TINY = 1e-25f;

/* z, the exponentials, becomes factor softmax(z) - each.  What is left out below TINY is
 * nothing beside the largest, which is 1, but could become subnormal, and then the products
 * with dz take several times as long. */
static void gradient(float *z, int64_t n, float factor, float each)
{
    if (each != 0)
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            z[i] = z[i] * factor - each;
    else
        for (int64_t i = 0; i < n; i++)
            z[i] = z[i] < TINY ? 0 : z[i] * factor;
}

/* d(loss)/dz = (1 + 2 c lse) softmax(z) - (1 - e) onehot(target) - e / n, with the z-loss's
 * factor c and lse the logarithm of the sum of exponentials. */
static double cross_entropy_row(float *z, int64_t n, int32_t target, float scale,
                                const double *option)
{
    double smooth = option ? option[LABEL_SMOOTHING] : 0, c = option ? option[Z_LOSS] : 0;
    float max = tr__row_max(z, n), z_target = z[target];
    double mean = smooth > 0 ? tr__row_sum(z, n) / (double)n : 0;
    double sum = tr__row_exp(z, n, max), lse = log(sum) + (double)max;
    if (scale != 0) {
        double by = (double)scale * (1 + 2 * c * lse);
        gradient(z, n, (float)(by / sum), (float)((double)scale * smooth / (double)n));
        z[target] -= (float)((double)scale * (1 - smooth));
    }
    return lse - (1 - smooth) * (double)z_target - smooth * mean + c * lse * lse;
}

static const struct tr_option options[] = {
    [LABEL_SMOOTHING] = { .name = "label_smoothing", .most = 0.999,
                          .help = "share of the target's probability that all ids have" },
    [Z_LOSS] = { .name = "z_loss", .most = 1e3,
                 .help = "weight of the squared logarithm of the sum of exponentials" },
    { .name = NULL },
};

const struct tr_loss_kind tr__loss_cross_entropy = {
    .name = "cross_entropy",
    .option = options,
    .row = cross_entropy_row,
    .while_training = 1,
};
