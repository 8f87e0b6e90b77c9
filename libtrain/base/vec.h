/* SPDX-License-Identifier: MIT
 *
 * Vectors of the width that the compiler's target has, in the vector types of GNU C: for
 * the few kernels whose numbers must stay in registers, which compilers do not manage with
 * arrays of plain floats.  Everything else is a loop that vectorises by itself.
 */
#ifndef LIBTRAIN_BASE_VEC_H
#define LIBTRAIN_BASE_VEC_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif
#if defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#define TR__NEON 1
#endif

#if defined(__AVX512F__)
enum { TR__VEC = 16 };
#elif defined(__AVX2__)
enum { TR__VEC = 8 };
#else
enum { TR__VEC = 4 };
#endif

typedef float tr__vec __attribute__((vector_size(TR__VEC * sizeof(float))));
typedef int32_t tr__ivec __attribute__((vector_size(TR__VEC * sizeof(int32_t))));
typedef float tr__vec_in_memory
    __attribute__((vector_size(TR__VEC * sizeof(float)), aligned(sizeof(float)), may_alias));

#define TR__INLINE static inline __attribute__((always_inline))

/* A loop of a few turns whose arrays are to become registers. */
#if defined(__clang__)
#define TR__UNROLL _Pragma("clang loop unroll(full)")
#else
#define TR__UNROLL _Pragma("GCC unroll 16")
#endif
#define TR__EACH(i, n) TR__UNROLL for (int i = 0; i < (n); i++)

TR__INLINE tr__vec tr__load(const float *p)
{
    return *(const tr__vec_in_memory *)p;
}

TR__INLINE void tr__store(float *p, tr__vec v)
{
    *(tr__vec_in_memory *)p = v;
}

TR__INLINE tr__vec tr__to_float(tr__ivec v)
{
    return __builtin_convertvector(v, tr__vec);
}

/* x in every place. */
TR__INLINE tr__vec tr__splat(float x)
{
    return x - (tr__vec){ 0 };
}

/* a b + c, rounded once where the processor can, whatever -ffp-contract says. */
TR__INLINE tr__vec tr__madd(tr__vec a, tr__vec b, tr__vec c)
{
#if defined(__AVX512F__)
    return (tr__vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (tr__vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(TR__NEON)
    return (tr__vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* Numbers of a, and behind them of b, by their place; a constant where this is called. */
TR__INLINE tr__vec tr__shuffle(tr__vec a, tr__vec b, tr__ivec place)
{
#if defined(__clang__)
    tr__vec v;
    TR__EACH(i, TR__VEC)
        v[i] = place[i] < TR__VEC ? a[place[i]] : b[place[i] - TR__VEC];
    return v;
#else
    return __builtin_shuffle(a, b, place);
#endif
}

/* The sum of all numbers of v, always in the same order. */
TR__INLINE float tr__sum(tr__vec v)
{
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#else
    float x[TR__VEC];
    memcpy(x, &v, sizeof x);
    for (int n = TR__VEC / 2; n; n /= 2)
        for (int i = 0; i < n; i++)
            x[i] += x[i + n];
    return x[0];
#endif
}

/* The sum of n vectors. */
TR__INLINE tr__vec tr__total(const tr__vec *v, const int n)
{
    tr__vec sum = v[0];
    TR__UNROLL
    for (int i = 1; i < n; i++)
        sum += v[i];
    return sum;
}

#if defined(__SSE2__)
TR__INLINE __m128i tr__four_bytes(const void *p)
{
    int32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return _mm_cvtsi32_si128(bytes);
}
#elif defined(TR__NEON)
TR__INLINE uint8x8_t tr__four_bytes(const void *p)
{
    uint32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return vreinterpret_u8_u32(vdup_n_u32(bytes));
}
#endif

/* The next TR__VEC bytes as integers.  With intrinsics, since gcc takes vectors of bytes
 * apart one by one. */
TR__INLINE tr__ivec tr__load_u8(const uint8_t *p)
{
#if defined(__AVX512F__)
    return (tr__ivec)_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
#elif defined(__AVX2__)
    return (tr__ivec)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
#elif defined(__SSE2__)
    __m128i v = tr__four_bytes(p), zero = _mm_setzero_si128();
    return (tr__ivec)_mm_unpacklo_epi16(_mm_unpacklo_epi8(v, zero), zero);
#elif defined(TR__NEON)
    return (tr__ivec)vmovl_u16(vget_low_u16(vmovl_u8(tr__four_bytes(p))));
#else
    return (tr__ivec){ p[0], p[1], p[2], p[3] };
#endif
}

TR__INLINE tr__ivec tr__load_i8(const int8_t *p)
{
#if defined(__AVX512F__)
    return (tr__ivec)_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p));
#elif defined(__AVX2__)
    return (tr__ivec)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p));
#elif defined(__SSE2__)
    __m128i v = tr__four_bytes(p);
    v = _mm_unpacklo_epi8(v, v);
    return (tr__ivec)_mm_unpacklo_epi16(v, v) >> 24;
#elif defined(TR__NEON)
    int8x8_t v = vreinterpret_s8_u8(tr__four_bytes(p));
    return (tr__ivec)vmovl_s16(vget_low_s16(vmovl_s8(v)));
#else
    return (tr__ivec){ p[0], p[1], p[2], p[3] };
#endif
}

#if defined(__AVX512F__)
/* An entry of a table for the lowest four bits of each integer. */
TR__INLINE tr__vec tr__lookup_in(tr__ivec v, tr__vec table)
{
    return (tr__vec)_mm512_permutexvar_ps((__m512i)v, (__m512)table);
}

/* times * (the lowest n bits of each integer) + add, n up to 4: an entry of a table each. */
TR__INLINE tr__vec tr__lookup(tr__ivec v, const int n, const int times, const int add)
{
    tr__vec table;
    TR__EACH(i, TR__VEC)
        table[i] = (float)(times * (i & ((1 << n) - 1)) + add);
    return tr__lookup_in(v, table);
}
#endif

/* The lowest n bits of each integer, n up to 4, plus add, as floats.  A processor that has
 * a table of sixteen numbers looks them up, in one operation. */
TR__INLINE tr__vec tr__low_bits(tr__ivec v, const int n, const int add)
{
#if defined(__AVX512F__)
    return tr__lookup(v, n, 1, add);
#else
    return tr__to_float((v & ((1 << n) - 1)) + add);
#endif
}

/* Integers from 0 to 15, plus add, as floats. */
TR__INLINE tr__vec tr__below_16(tr__ivec v, const int add)
{
#if defined(__AVX512F__)
    return tr__lookup(v, 4, 1, add);
#else
    return tr__to_float(v + add);
#endif
}

/* The lowest n bits of v, with the lowest n_high bits of `high` above them, plus add, as floats. */
TR__INLINE tr__vec tr__joined_bits(tr__ivec v, const int n, tr__ivec high,
                                   const int n_high, const int add)
{
#if defined(__AVX512F__)
    return tr__lookup(v, n, 1, add) + tr__lookup(high, n_high, 1 << n, 0);
#else
    tr__ivec low = v & ((1 << n) - 1), top = (high & ((1 << n_high) - 1)) << n;
    return tr__to_float((low | top) + add);
#endif
}

/* The next TR__VEC words of sixteen bits as integers. */
TR__INLINE tr__ivec tr__load_words(const uint16_t *p)
{
#if defined(__AVX512F__)
    return (tr__ivec)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
#elif defined(__AVX2__)
    return (tr__ivec)_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p));
#elif defined(TR__NEON)
    return (tr__ivec)vmovl_u16(vld1_u16(p));
#else
    return (tr__ivec){ p[0], p[1], p[2], p[3] };
#endif
}

#ifdef TR__NEON
/* Of a table's bytes those that float v[i] has, v[i] below 8. */
TR__INLINE uint8x16_t tr__float_bytes(tr__ivec v)
{
    return vreinterpretq_u8_s32(v * 0x04040404 + 0x03020100);
}
#endif

/* Numbers of a table of 4 for the lowest two bits of each integer. */
TR__INLINE tr__vec tr__of_four(const float *table, tr__ivec v)
{
#if defined(__AVX512F__)
    __m512 t = _mm512_broadcast_f32x4(_mm_loadu_ps(table));
    return (tr__vec)_mm512_permutevar_ps(t, (__m512i)v);
#elif defined(__AVX2__)
    return (tr__vec)_mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)table),
                                         (__m256i)v);
#elif defined(TR__NEON)
    uint8x16_t t = vld1q_u8((const uint8_t *)table);
    return (tr__vec)vqtbl1q_u8(t, tr__float_bytes(v & 3));
#else
    return (tr__vec){ table[v[0] & 3], table[v[1] & 3], table[v[2] & 3], table[v[3] & 3] };
#endif
}

/* Numbers of a table of 8 for the lowest three bits of each integer. */
TR__INLINE tr__vec tr__of_eight(const float *table, tr__ivec v)
{
#if defined(__AVX512F__)
    __m512d t = _mm512_broadcast_f64x4(_mm256_castps_pd(_mm256_loadu_ps(table)));
    return (tr__vec)_mm512_permutexvar_ps((__m512i)v, _mm512_castpd_ps(t));
#elif defined(__AVX2__)
    return (tr__vec)_mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)v);
#elif defined(TR__NEON)
    const uint8_t *half = (const uint8_t *)(table + 4);
    uint8x16x2_t t = { { vld1q_u8((const uint8_t *)table), vld1q_u8(half) } };
    return (tr__vec)vqtbl2q_u8(t, tr__float_bytes(v & 7));
#else
    return (tr__vec){ table[v[0] & 7], table[v[1] & 7], table[v[2] & 7], table[v[3] & 7] };
#endif
}

/* Word w in every place. */
TR__INLINE tr__ivec tr__splat_word(uint32_t w)
{
    return (int32_t)w - (tr__ivec){ 0 };
}

/* v, and x added to number i where bit `first` + i is set. */
TR__INLINE tr__vec tr__add_where(tr__vec v, uint32_t bits, const int first, float x)
{
#if defined(__AVX512F__)
    return (tr__vec)_mm512_mask_add_ps((__m512)v, (__mmask16)(bits >> first), (__m512)v,
                                       (__m512)tr__splat(x));
#else
    tr__ivec mask; /* a bit each: not every processor shifts numbers by several counts */
    TR__EACH(i, TR__VEC)
        mask[i] = (int32_t)(1u << (first + i));
    return v + (tr__vec)(((mask & (int32_t)bits) != 0) & (tr__ivec)tr__splat(x));
#endif
}

/* v, with the other sign where bit `first` + i is set. */
TR__INLINE tr__vec tr__negate_where(tr__vec v, uint32_t bits, const int first)
{
#if defined(__AVX512F__)
    const __m512i sign = _mm512_set1_epi32(INT32_MIN);
    return (tr__vec)_mm512_mask_xor_epi32((__m512i)v, (__mmask16)(bits >> first), (__m512i)v,
                                          sign);
#else
    tr__ivec mask;
    TR__EACH(i, TR__VEC)
        mask[i] = (int32_t)(1u << (first + i));
    return (tr__vec)((tr__ivec)v ^ (((mask & (int32_t)bits) != 0) & INT32_MIN));
#endif
}

#endif
