/* SPDX-License-Identifier: MIT
 *
 * exp and tanh of f32, without branches or calls, so that a loop over them becomes vector
 * code.  Both are within 2 units in the last place of the exact value.
 */
#ifndef LIBTRAIN_INTERNAL_VMATH_H
#define LIBTRAIN_INTERNAL_VMATH_H

#include <stdint.h>
#include <string.h>

static inline uint32_t tr__bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float tr__float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2.  The quadratic remainder of
 * exp(r) is a polynomial of degree 4 (minimax, relative error 4e-9).  Adding 1.5 * 2^23
 * rounds and leaves n in the low bits.  2^n is put together from 2^(n-1) and 2, so that n
 * may be 128.  Below x = -86.9 the result is 0, beyond the largest float infinity. */
static inline float tr__expf(float x)
{
    const float shift = 12582912.0f;
    float t = x * 1.44269504f + shift;
    float n = t - shift;
    float r = x - n * 0.693359375f; /* exact: the constant has 9 bits */
    r = r + n * 2.12194440e-4f;
    float q = 0x1.6db40ep-10f;
    q = q * r + 0x1.123b46p-7f;
    q = q * r + 0x1.55545ep-5f;
    q = q * r + 0x1.555490p-3f;
    q = q * r + 0x1.000000p-1f;
    float e = 1.0f + (r + r * r * q);
    float half = tr__float_of((tr__bits_of(t) - tr__bits_of(shift) + 126u) << 23);
    e = e * half * 2.0f;
    e = x < -86.9f ? 0.0f : e;
    return x > 88.7228394f ? tr__float_of(0x7f800000u) : e;
}

/* Near 0 an odd polynomial, elsewhere 1 - 2 / (exp(2 |x|) + 1) with the sign of x. */
static inline float tr__tanhf(float x)
{
    float a = x < 0.0f ? -x : x;
    float u = x * x;
    float p = -0.00572164f;
    p = p * u + 0.02065522f;
    p = p * u - 0.05374515f;
    p = p * u + 0.13331515f;
    p = p * u - 0.33333285f;
    float near = x + x * u * p;
    float far = 1.0f - 2.0f / (tr__expf(2.0f * a) + 1.0f);
    far = x < 0.0f ? -far : far;
    return a < 0.625f ? near : far;
}

#endif
