/* SPDX-License-Identifier: MIT
 *
 * Sixteen-bit floats, one at a time: IEEE binary16 (F16) and the upper half of binary32
 * (BF16).  Everything rounds to nearest, ties to even, and makes quiet NaNs.  Plain code
 * that compilers vectorise; what the processor has is used where it gives the same bits.
 */
#ifndef LIBTRAIN_QUANTS_HALF_H
#define LIBTRAIN_QUANTS_HALF_H

#include <stdint.h>
#include <string.h>

#ifdef __F16C__
#include <immintrin.h>
#endif
#if defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

static inline uint32_t tr__f32_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float tr__bits_f32(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Packed data has no alignment: numbers in it are read and written through these. */
static inline uint16_t tr__load_u16(const void *p)
{
    uint16_t u;
    memcpy(&u, p, sizeof u);
    return u;
}

static inline uint32_t tr__load_u32(const void *p)
{
    uint32_t u;
    memcpy(&u, p, sizeof u);
    return u;
}

static inline void tr__store_u16(void *p, uint32_t u)
{
    uint16_t low = (uint16_t)u;
    memcpy(p, &low, sizeof low);
}

static inline void tr__store_u32(void *p, uint32_t u)
{
    memcpy(p, &u, sizeof u);
}

/* Exponent 31 becomes 255, exponents 1 … 30 move by 127 - 15; a subnormal is its fraction
 * times 2^-24, which is exact in binary32. */
static inline float tr__f16_to_f32_plain(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = h & 0x7c00;
    uint32_t fraction = h & 0x3ff;
    uint32_t normal = ((uint32_t)(h & 0x7fff) << 13) + ((uint32_t)112 << 23);
    uint32_t special = 0x7f800000 | fraction << 13 | (fraction ? 0x00400000 : 0);
    uint32_t subnormal = tr__f32_bits((float)(int32_t)fraction * 0x1p-24f);
    uint32_t u = exponent == 0 ? subnormal : exponent == 0x7c00 ? special : normal;
    return tr__bits_f32(u | sign);
}

static inline float tr__f16_to_f32(uint16_t h)
{
#ifdef __F16C__
    return _cvtsh_ss(h);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    __fp16 x;
    memcpy(&x, &h, sizeof x);
    return x;
#else
    return tr__f16_to_f32_plain(h);
#endif
}

/* F16C and ARM are not used here: they keep bits of a NaN that llama.cpp drops.
 * Below 2^-14 the step of binary16 is 2^-24, which is that of binary32 in [0.5, 1): adding
 * 0.5 rounds to it.  Above, the rounding carry may run into the exponent, as it should. */
static inline uint16_t tr__f32_to_f16(float x)
{
    uint32_t u = tr__f32_bits(x);
    uint32_t sign = u >> 16 & 0x8000;
    uint32_t mag = u & 0x7fffffff;
    uint32_t subnormal = tr__f32_bits(tr__bits_f32(mag) + 0.5f) - 0x3f000000;
    uint32_t normal = (mag - ((uint32_t)112 << 23) + 0xfff + (mag >> 13 & 1)) >> 13;
    normal = normal < 0x7c00 ? normal : 0x7c00;
    uint32_t h = mag < 0x38800000 ? subnormal : normal;
    return (uint16_t)(sign | (mag > 0x7f800000 ? 0x7e00 : h));
}

static inline float tr__bf16_to_f32(uint16_t h)
{
    return tr__bits_f32((uint32_t)h << 16);
}

static inline uint16_t tr__f32_to_bf16(float x)
{
    uint32_t u = tr__f32_bits(x);
    uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    uint32_t nan = u >> 16 | 0x40;
    return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

/* The F16 scale at p, and its opposite. */
static inline float tr__load_f16(const void *p)
{
    return tr__f16_to_f32(tr__load_u16(p));
}

static inline void tr__store_f16(void *p, float x)
{
    uint16_t h = tr__f32_to_f16(x);
    memcpy(p, &h, sizeof h);
}

/* 1 if an F16 is neither infinite nor NaN. */
static inline int tr__f16_finite(uint16_t h)
{
    return (h & 0x7c00) != 0x7c00;
}

/* The same for the F16 scales at the start of n blocks, `stride` bytes apart. */
static inline int tr__f16_scales_finite(const void *src, int64_t n, int64_t stride)
{
    int good = 1;
    const uint8_t *p = src;
    for (int64_t i = 0; i < n; i++)
        good &= tr__f16_finite(tr__load_u16(p + i * stride));
    return good;
}

/* The same where a block starts with two F16: a scale and a minimum. */
static inline int tr__f16_pairs_finite(const void *src, int64_t n, int64_t stride)
{
    return tr__f16_scales_finite(src, n, stride) &&
           tr__f16_scales_finite((const uint8_t *)src + 2, n, stride);
}

#endif
