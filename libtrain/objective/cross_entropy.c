/* SPDX-License-Identifier: MIT
 *
 * Cross-entropy over softmax, -log p(target).  Sums go over blocks: f32 inside a block, so
 * that they are vector code, f64 from block to block, so that the size of the vocabulary
 * costs no digits.  It is called by ops/output_loss.c, a row at a time.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/objective/objective.h>

#include <math.h>

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

/* d(loss)/dz = softmax(z) - onehot(target).  What is left out below TINY is nothing beside
 * the largest, which is 1, but could become subnormal, and then the products with dz take
 * several times as long. */
static double cross_entropy_row(float *z, int64_t n, int32_t target, float scale,
                                const double *option)
{
    (void)option;
    float max = max_of(z, n), z_target = z[target];
    double sum = exp_of(z, n, max);
    if (scale != 0) {
        float factor = (float)((double)scale / sum);
        for (int64_t i = 0; i < n; i++)
            z[i] = z[i] < TINY ? 0 : z[i] * factor;
        z[target] -= scale;
    }
    return log(sum) + (double)max - (double)z_target;
}

const struct tr_loss_kind tr__loss_cross_entropy = {
    .name = "cross_entropy",
    .row = cross_entropy_row,
};
