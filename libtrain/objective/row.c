/* SPDX-License-Identifier: MIT
 *
 * Sums over one row of logits.  They go over blocks: f32 inside a block, so that they are
 * vector code, f64 from block to block, so that the size of the vocabulary costs no digits.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/objective/objective.h>

enum { BLOCK = 512 };

/* In lanes, since the maximum of floats is not associative where there are NaNs, and a
 * compiler will not reorder it. */
float tr__row_max(const float *z, int64_t n)
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

double tr__row_exp(float *z, int64_t n, float max)
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

double tr__row_sum(const float *z, int64_t n)
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
