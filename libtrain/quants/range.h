/* SPDX-License-Identifier: MIT
 *
 * Extreme numbers of a block.  Compilers do not vectorise a maximum of floats unless they
 * may forget NaN and the sign of zero; a maximum of integers they do.  For floats that are
 * not negative, and after a turn of the negative ones for all floats, the order of the bit
 * patterns is that of the numbers.
 */
#ifndef LIBTRAIN_QUANTS_RANGE_H
#define LIBTRAIN_QUANTS_RANGE_H

#include <libtrain/quants/half.h>

#include <math.h>
#include <stdint.h>

/* max |x|; NaN if there is one. */
static inline float tr__abs_max(const float *x, int n)
{
    int32_t max = 0;
    for (int i = 0; i < n; i++) {
        int32_t u = (int32_t)(tr__f32_bits(x[i]) & 0x7fffffff);
        max = u > max ? u : max;
    }
    return tr__bits_f32((uint32_t)max);
}

static inline int32_t tr__ordered(int32_t bits)
{
    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

/* Smallest and largest x; -0 is below +0. */
static inline void tr__range(const float *x, int n, float *min, float *max)
{
    int32_t lo = INT32_MAX, hi = INT32_MIN;
    for (int i = 0; i < n; i++) {
        int32_t u = tr__ordered((int32_t)tr__f32_bits(x[i]));
        lo = u < lo ? u : lo;
        hi = u > hi ? u : hi;
    }
    *min = tr__bits_f32((uint32_t)tr__ordered(lo));
    *max = tr__bits_f32((uint32_t)tr__ordered(hi));
}

/* The first x with |x| = mag. */
static inline float tr__first_of_magnitude(const float *x, int n, float mag)
{
    for (int i = 0; i < n; i++)
        if (x[i] == mag || x[i] == -mag)
            return x[i];
    return mag;
}

/* The first x of the largest magnitude, with its sign; +0 if all are zero, NaN if there
 * is one. */
static inline float tr__abs_max_signed(const float *x, int n)
{
    float min, max;
    tr__range(x, n, &min, &max);
    if (islessgreater(max, -min))
        return max > -min ? max : min;
    if (max == -min)
        return max == 0.0f ? 0.0f : tr__first_of_magnitude(x, n, max);
    return max + min; /* NaN */
}

/* A level of -127 … 127, halves away from zero as roundf has them: with the largest number
 * below 1/2 added, a sum below 2^22 is cut to the right integer. */
static inline int32_t tr__to_byte(float v)
{
    v = v < 127.0f ? v : 127.0f;
    v = v > -127.0f ? v : -127.0f;
    return (int32_t)(v + __builtin_copysignf(0x1.fffffep-2f, v));
}

/* 1 / d, or 0 where that is not finite. */
static inline float tr__inverse(float d)
{
    float id = 1.0f / d;
    return id - id == 0.0f ? id : 0.0f;
}

/* The scale to store for n numbers: d, or NaN if they hold one or a magnitude from 2^40 up,
 * which a search would not notice; F16 scales overflow long before. */
static inline float tr__checked(float d, const float *x, int n)
{
    return tr__abs_max(x, n) < 0x1p40f ? d : NAN;
}

/* Sum of x^2 in the order of the numbers. */
static inline float tr__sum_squares(const float *x, int64_t n)
{
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

/* What an error in each number costs, by the importance of its column: more in numbers that
 * are far from zero, the more so the smaller `square` is beside theirs. */
static inline void tr__weigh(const float *x, const float *importance, int n, float square,
                             float *weight)
{
    for (int i = 0; i < n; i++)
        weight[i] = importance[i] * sqrtf(square + x[i] * x[i]);
}

#endif
