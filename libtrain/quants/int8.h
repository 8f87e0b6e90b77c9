/* SPDX-License-Identifier: MIT
 *
 * Dot products in integers: of a packed row with a row of signed bytes, as generating has it,
 * where one row of x meets all of a weight and is worth being rounded once.  x is rounded to
 * 32 numbers under one scale, as Q8_0 has them; the sums over 32 numbers are exact.
 *
 * A type says
 *
 *     T_bytes(block, part)   levels of numbers 32 part … 32 part + 31 of the block, as bytes
 *
 * and TR__DOT_INT8 makes T_dot_int8 of them and of T_scales (row.h).  Levels of up to 7 bits
 * are unsigned, less an offset that is known for the type; then the products of x with the
 * offset, and with minima, are sums of x, which are there.  Others are signed.
 */
#ifndef LIBTRAIN_QUANTS_INT8_H
#define LIBTRAIN_QUANTS_INT8_H

#include <libtrain/quants/int8_row.h>
#include <libtrain/quants/row.h>

#ifdef __AVX2__

typedef float tr__vec8 __attribute__((vector_size(32)));

TR__INLINE __m256i tr__bytes32(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* The lowest `bits` bits of each byte of v >> shift. */
TR__INLINE __m256i tr__byte_bits(__m256i v, int shift, int bits)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi8((1 << bits) - 1));
}

/* Sixteen bytes of nibbles: the low ones, and behind them the high ones. */
TR__INLINE __m256i tr__byte_nibbles(const uint8_t *q)
{
    __m128i v = _mm_loadu_si128((const void *)q);
    return tr__byte_bits(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), 0, 4);
}

/* Byte i: 16 if bit i is set. */
TR__INLINE __m256i tr__byte_fifths(uint32_t bits)
{
    const __m256i spread = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202,
                                             0x0101010101010101, 0);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), spread);
    v = _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
    return _mm256_and_si256(v, _mm256_set1_epi8(16));
}

/* Eight sums of four products each; u up to 127, or up to 128 with the sign in x. */
TR__INLINE tr__vec8 tr__bytes_dot(__m256i u, __m256i x)
{
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    __m256i sum = _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, x);
#else
    __m256i sum = _mm256_madd_epi16(_mm256_maddubs_epi16(u, x), _mm256_set1_epi16(1));
#endif
    return (tr__vec8)_mm256_cvtepi32_ps(sum);
}

TR__INLINE tr__vec8 tr__load8(const float *p)
{
    return (tr__vec8)_mm256_loadu_ps(p);
}

/* a b + c */
TR__INLINE tr__vec8 tr__madd8(tr__vec8 a, tr__vec8 b, tr__vec8 c)
{
#ifdef __FMA__
    return (tr__vec8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* The factor of each of eight sums: one for all, or one for each half. */
TR__INLINE tr__vec8 tr__scale8(const float *d, const int group)
{
    if (group == 32)
        return (tr__vec8)_mm256_broadcast_ss(d);
    __m256 pair = _mm256_castpd_ps(_mm256_broadcast_sd((const double *)(const void *)d));
    return (tr__vec8)_mm256_permutevar_ps(pair, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

TR__INLINE float tr__sum8(tr__vec8 v)
{
    float x[8];
    memcpy(x, &v, sizeof x);
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* 32 numbers: *sum += level q, by the factors of their groups. */
TR__INLINE void tr__part_int8(__m256i level, const int is_signed, const int8_t *q,
                              const float *factor, const int group, tr__vec8 *sum)
{
    __m256i x = tr__bytes32(q);
    if (is_signed) {
        x = _mm256_sign_epi8(x, level);
        level = _mm256_abs_epi8(level);
    }
    *sum = tr__madd8(tr__bytes_dot(level, x), tr__scale8(factor, group), *sum);
}

/* What becomes of n numbers of row x, from number `first` on. */
struct tr__dot_int8 {
    tr__vec8 sum[2]; /* of the even and the odd parts */
    tr__vec8 rest[2]; /* of offsets and minima */
};

/* Factors of groups: d of the weight times d of x; and what offsets and minima add. */
TR__INLINE void tr__groups_int8(const struct tr__int8_row *x, int64_t first, const int n_group,
                                const int group, const float *d, const float *m,
                                const float offset, float *factor, struct tr__dot_int8 *s)
{
    const float *xd = (group == 16 ? x->d16 : x->d32) + first / group;
    const float *xs = (group == 16 ? x->sum16 : x->sum32) + first / group;
    TR__EACH(k, n_group / 8) {
        tr__vec8 dk = tr__load8(d + 8 * k);
        _mm256_storeu_ps(factor + 8 * k, (__m256)(dk * tr__load8(xd + 8 * k)));
        tr__vec8 add = m ? tr__load8(m + 8 * k) : offset * dk;
        if (m || offset != 0)
            s->rest[k] = tr__madd8(add, tr__load8(xs + 8 * k), s->rest[k]);
    }
}

enum { TR__SUPER = 256, TR__SIGNED_LEVELS = 1000 };

/* TR__DOT_INT8(T, numbers in a block, 32 or 256, and in a group, whether there are minima, what
 * is added to a level or TR__SIGNED_LEVELS).  Eight blocks of 32 are taken as one of 256; of
 * those that are left at the end of a row each is filled up with zeros. */
#define TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)                                       \
    TR__INLINE void T##_super_int8(const struct T *b, const struct tr__int8_row *x,      \
                                   int64_t first, struct tr__dot_int8 *s)                \
    {                                                                                    \
        enum { N_GROUP = TR__SUPER / GROUP, SIGNED = (OFFSET) == TR__SIGNED_LEVELS };    \
        float d[N_GROUP], m[N_GROUP], factor[N_GROUP];                                   \
        TR__EACH(k, TR__SUPER / BLOCK)                                                   \
            T##_scales(b + k, d + k * (BLOCK / GROUP), m + k * (BLOCK / GROUP));         \
        tr__groups_int8(x, first, N_GROUP, GROUP, d, MIN ? m : NULL,                     \
                        SIGNED || MIN ? 0.0f : (float)(OFFSET), factor, s);                     \
        TR__EACH(part, TR__SUPER / TR__PART) {                                           \
            const int of_block = BLOCK / TR__PART;                                       \
            tr__part_int8(T##_bytes(b + part / of_block, part % of_block), SIGNED,       \
                          x->q + first + part * TR__PART,                                \
                          factor + part * TR__PART / GROUP, GROUP, &s->sum[part % 2]);   \
        }                                                                                \
    }                                                                                    \
    static float T##_dot_int8(const void *src, const struct tr__int8_row *x, int64_t n)  \
    {                                                                                    \
        const struct T *b = src;                                                         \
        struct tr__dot_int8 s = { { { 0 } }, { { 0 } } };                                \
        int64_t i = 0;                                                                   \
        for (; i + TR__SUPER <= n; i += TR__SUPER, b += TR__SUPER / BLOCK)               \
            T##_super_int8(b, x, i, &s);                                                 \
        if (i < n) {                                                                     \
            struct T last[TR__SUPER / BLOCK];                                            \
            memset(last, 0, sizeof last);                                                \
            memcpy(last, b, (size_t)(n - i) / BLOCK * sizeof *b);                        \
            T##_super_int8(last, x, i, &s);                                              \
        }                                                                                \
        return tr__sum8((s.sum[0] + s.sum[1]) + (s.rest[0] + s.rest[1]));                \
    }
#define TR__WITH_INT8(T) .dot_int8 = T##_dot_int8,

#else /* nothing here is faster than floats */
#define TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)
#define TR__WITH_INT8(T)
#endif

#endif
