/* SPDX-License-Identifier: MIT
 *
 * Cross-entropy over softmax, -log p(target).  Sums go over blocks: f32 inside a block, so
 * that they are vector code, f64 from block to block, so that the size of the vocabulary
 * costs no digits.  It is called by ops/output_loss.c, a row at a time.
 *
 * With label smoothing e (Szegedy et al. 2016) the target has the probability 1 - e, and e is
 * shared by all ids, as in PyTorch.  The z-loss (Chowdhery et al. 2022, "PaLM") adds the
 * square of the logarithm of the sum, which keeps logits from drifting.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/objective/objective.h>

#include <math.h>

enum { LABEL_SMOOTHING, Z_LOSS };
enum { BLOCK = 512 };
static const float TINY = 1e-25f;

/* In lanes, since the maximum of floats is not associative where there are NaNs, and a
 * compiler will not reorder it. */
static float max_of(const float *z, int64_t n)
{
    enum { LANES = 64 };
    float lane[LANES], max = -INFINITY;
    for (int j = 0; j < LANES; j++)
        lane[j] = -INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++)
            lane[j] = z[i + j] > lane[j] ? z[i + j] : lane[j];
    for (; i < n; i++)
        max = z[i] > max ? z[i] : max;
    for (int j = 0; j < LANES; j++)
        max = lane[j] > max ? lane[j] : max;
    return max;
}

/* z becomes exp(z - max); returns the sum. */
static double exp_of(float *z, int64_t n, float max)
{
    double sum = 0;
    for (int64_t i0 = 0; i0 < n; i0 += BLOCK) {
        int64_t end = n - i0 < BLOCK ? n : i0 + BLOCK;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t i = i0; i < end; i++) {
            z[i] = tr__expf(z[i] - max);
            part += z[i];
        }
        sum += (double)part;
    }
    return sum;
}

static double sum_of(const float *z, int64_t n)
{
    double sum = 0;
    for (int64_t i0 = 0; i0 < n; i0 += BLOCK) {
        int64_t end = n - i0 < BLOCK ? n : i0 + BLOCK;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t i = i0; i < end; i++)
            part += z[i];
        sum += (double)part;
    }
    return sum;
}

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
    float max = max_of(z, n), z_target = z[target];
    double mean = smooth > 0 ? sum_of(z, n) / (double)n : 0;
    double sum = exp_of(z, n, max), lse = log(sum) + (double)max;
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
