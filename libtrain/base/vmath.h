/* SPDX-License-Identifier: MIT
 *
 * exp, tanh and the logistic function of f32, without branches or calls, so that a loop
 * over them becomes vector code.  exp and tanh are within 1.5 units in the last place, the
 * logistic function within 2.5, its derivative within 5; all give the limits at both
 * infinities and keep NaN (tests/unit/test_vmath.c).
 *
 * The polynomials are minimax fits made for these intervals and rounded to f32.
 */
#ifndef LIBTRAIN_BASE_VMATH_H
#define LIBTRAIN_BASE_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Below this x exp is given as 0: it is 2^-125.5, nearly the smallest normal number. */
#define TR__EXPF_MIN (-86.98f)

/* exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2 (Cody, Waite 1980: r is taken
 * in two steps, the first is exact).  exp(r) = 1 + r + r^2 q(r).  Adding 1.5 * 2^23 rounds
 * to an integer and leaves it in the low bits, from where it goes into an exponent; as
 * 2^(n-1) * 2, because n reaches 128. */
static inline float tr__expf(float x)
{
    const float round = 12582912.0f;
    float t = x * 1.44269504f + round;
    float n = t - round;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float q = 0x1.6a215ap-10f;
    q = q * r + 0x1.123b9ap-7f;
    q = q * r + 0x1.5558fcp-5f;
    q = q * r + 0x1.555490p-3f;
    q = q * r + 0x1.fffffcp-2f;
    float y = 1.0f + (r + r * r * q);
    uint32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits - 0x4b400000u + 126u) << 23;
    float half;
    memcpy(&half, &bits, sizeof half);
    y = y * half * 2.0f;
    y = x < TR__EXPF_MIN ? 0.0f : y;
    return x > 88.7228394f ? INFINITY : y;
}

/* An odd polynomial near 0, where 1 - 2 / (exp(2 |x|) + 1) would lose its digits. */
static inline float tr__tanhf(float x)
{
    float a = fabsf(x), u = x * x;
    float p = -0x1.76ac12p-8f;
    p = p * u + 0x1.5256d6p-6f;
    p = p * u - 0x1.b84448p-5f;
    p = p * u + 0x1.110768p-3f;
    p = p * u - 0x1.555534p-2f;
    float near = a + a * (u * p);
    float far = 1.0f - 2.0f / (tr__expf(2.0f * a) + 1.0f);
    return copysignf(a < 0.625f ? near : far, x);
}

/* 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows. */
static inline float tr__sigmoidf(float x)
{
    float e = tr__expf(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* Its derivative s (1 - s), without the loss of digits where s is nearly 1. */
static inline float tr__sigmoid_slopef(float x)
{
    float e = tr__expf(-fabsf(x));
    return e / ((1.0f + e) * (1.0f + e));
}

#endif
