/* SPDX-License-Identifier: MIT
 *
 * Scales for the groups of a super-block of K-quants.
 *
 * A group has no closed answer to "which scale and levels lose least", so llama.cpp
 * tries a few scales and keeps the best.  Its choices are reproduced to the bit, which
 * fixes the order of every sum; speed comes from running all groups of a super-block side
 * by side instead.
 */
#ifndef LIBTRAIN_QUANTS_K_SEARCH_H
#define LIBTRAIN_QUANTS_K_SEARCH_H

#include <libtrain/quants/half.h>

#include <stdint.h>

/* Nearest integer, ties to even, for |x| below 2^22; beyond that some number of 23 bits.
 * The sum has the integer in its low fraction bits. */
static inline int32_t tr__nearest(float x)
{
    return (int32_t)(tr__f32_bits(x + 0x1.8p23f) & 0x007fffff) - 0x00400000;
}

static inline int32_t tr__clamp(int32_t v, int32_t low, int32_t high)
{
    v = v < high ? v : high;
    return v > low ? v : low;
}

/* How to search x = scale q - min, q in [0, top]: the k-th scale that is tried has
 * top + first + step k levels between the smallest and the largest number. */
struct tr__k_search {
    float top, first, step;
    int n_try;
    int absolute;     /* errors count by magnitude and weigh |x|; else by their squares,
                       * and weigh |x| + root mean square of the group, if no weights are
                       * given */
};

/* x: 256 numbers, weight (256 or NULL): what their errors weigh.  n_group is 8 or 16.  Out:
 * scale and min (n_group), level (256). */
void tr__k_search_min(const float *x, const float *weight, int n_group,
                      const struct tr__k_search *how, float *scale, float *min,
                      int8_t *level);

/* The best of 19 scales for each of n_group groups without minimum, q + half in `level`.
 * Without weights, errors weigh x^2. */
void tr__k_search_scale(const float *x, const float *weight, int n_group, float half,
                        float *scale, int8_t *level);

/* The same for sixteen groups, weight x^2, by moving one level at a time. */
void tr__k_search_levels(const float *x, float half, float *scale, int8_t *level);

/* One scale for n numbers, to be levels from 0 to top, of which some may be negative, and an
 * error in number i weighs weight[i]: the best of nine, then one level at a time. */
float tr__k_search_top(const float *x, const float *weight, int n, int top, uint8_t *level);

#endif
