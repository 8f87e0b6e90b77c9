/* SPDX-License-Identifier: MIT
 *
 * The mean over the vocabulary of (logit - onehot(target))^2: a loss without a softmax, to
 * compare with.  Sums in blocks, as in row.c.
 */
#include <libtrain/objective/objective.h>

enum { BLOCK = 512 };

static double square_of(const float *z, int64_t n)
{
    double sum = 0;
    for (int64_t i0 = 0; i0 < n; i0 += BLOCK) {
        int64_t end = n - i0 < BLOCK ? n : i0 + BLOCK;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t i = i0; i < end; i++)
            part += z[i] * z[i];
        sum += (double)part;
    }
    return sum;
}

/* d(loss)/dz = 2 (z - onehot(target)) / n */
static double mse_row(float *z, int64_t n, int32_t target, float scale, const double *option)
{
    (void)option;
    z[target] -= 1.0f;
    double sum = square_of(z, n);
    float factor = 2.0f * scale / (float)n;
    for (int64_t i = 0; i < n; i++)
        z[i] *= factor;
    return sum / (double)n;
}

const struct tr_loss_kind tr__loss_mse = { .name = "mse", .row = mse_row };
