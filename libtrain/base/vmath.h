/* SPDX-License-Identifier: MIT
 *
 * exp, tanh, the logistic function, its integral and the normal distribution of f32, without
 * branches or calls, so that a loop over them becomes vector code.  exp and tanh are within
 * 1.5 units in the last place, the logistic function within 2.5, its derivative within 5,
 * its integral within 3.5, the normal distribution within 7; all give the limits at both
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

/* log(1 + exp(x)) = max(x, 0) + log(1 + e), e = exp(-|x|), which is 2 atanh(e / (2 + e)):
 * no digits of a small e are lost. */
static inline float tr__softplusf(float x)
{
    float e = tr__expf(-fabsf(x));
    float s = e / (2.0f + e), u = s * s;
    float p = 0x1.131facp-3f;
    p = p * u + 0x1.211da0p-3f;
    p = p * u + 0x1.99adb6p-3f;
    p = p * u + 0x1.55554cp-2f;
    return (x > 0.0f ? x : 0.0f) + 2.0f * (s + s * (u * p));
}

/* exp(-x^2 / 2).  The leading 12 bits of x have an exact square; what the rest adds to the
 * exponent is small, and would be lost in rounding x^2. */
static inline float tr__bellf(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0xfffff000u;
    float h;
    memcpy(&h, &bits, sizeof h);
    float d = 0.5f * (h - x) * (h + x);
    float e = tr__expf(-0.5f * (h * h));
    float y = 0.166666667f + d * 0.0416666667f;
    y = e * (1.0f + d * (1.0f + d * (0.5f + d * y)));
    return fabsf(x) > 13.18f ? 0.0f : y;
}

/* 0.5 (1 + erf(x / sqrt(2))), from the tail behind |x| so that no digits are lost in a
 * difference: exp(-x^2 / 2) times a polynomial in t = 1 / (1 + p |x|)  (Hastings 1955). */
static inline float tr__normalf(float x)
{
    float t = 1.0f / (1.0f + 0.35f * fabsf(x));
    float p = -0x1.dd053cp-6f;
    p = p * t + 0x1.268a46p-3f;
    p = p * t - 0x1.05853ap-2f;
    p = p * t + 0x1.453724p-3f;
    p = p * t - 0x1.76444ep-6f;
    p = p * t + 0x1.afafaep-4f;
    p = p * t + 0x1.eaf58ep-4f;
    p = p * t + 0x1.1e6da4p-3f;
    p = p * t + 0x1.1df1f6p-3f;
    float tail = tr__bellf(x) * (t * p);
    return x < 0.0f ? tail : 1.0f - tail;
}

#endif
