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
 *
 * Where a processor has products of 64 bytes (AVX-512 VNNI), a type may also say
 *
 *     T_pair(block, p)       levels of numbers 64 p … 64 p + 63, of two blocks if they have 32
 *
 * without sign, and TR__DOT_INT8_PAIRS takes these: the half of loads and of all that follows.
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
    __asm__("" : "+x"(v)); /* or it is loaded twice, and loads are what is scarce */
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

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define TR__HAS_PAIRS 1
typedef float tr__vec16 __attribute__((vector_size(64)));

/* Sixteen bytes of nibbles at each place: the low ones and the high ones of a, then of b. */
TR__INLINE __m512i tr__nibble_pair(const uint8_t *a, const uint8_t *b)
{
    const __m512i shift = _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4);
    __m256i both = _mm256_castsi128_si256(_mm_loadu_si128((const void *)a));
    both = _mm256_inserti128_si256(both, _mm_loadu_si128((const void *)b), 1);
    __m512i twice = _mm512_castsi256_si512(both);
    twice = _mm512_shuffle_i64x2(twice, twice, 0x50);
    return _mm512_and_si512(_mm512_srlv_epi64(twice, shift), _mm512_set1_epi8(15));
}

/* 64 numbers: *sum += level q, by the factors of pair p: two of eight, or four of sixteen. */
TR__INLINE void tr__pair_int8(__m512i level, const int8_t *q, const float *factor,
                              const int group, const int p, tr__vec16 *sum)
{
    const int n = 64 / group, a = n * p, b = a + n / 4, c = a + n / 2, d = c + n / 4;
    const __m512i place = _mm512_setr_epi32(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d);
    __m512 by = group == 16 ? _mm512_loadu_ps(factor)
                            : _mm512_castps256_ps512(_mm256_loadu_ps(factor));
    __m512i x = _mm512_loadu_si512((const void *)q);
    __m512i dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(), level, x);
    *sum = (tr__vec16)_mm512_fmadd_ps(_mm512_cvtepi32_ps(dot),
                                      _mm512_permutexvar_ps(place, by), (__m512)*sum);
}

TR__INLINE tr__vec8 tr__halves(tr__vec16 v)
{
    __m512d d = (__m512d)v;
    return (tr__vec8)_mm512_castpd512_pd256(d) + (tr__vec8)_mm512_extractf64x4_pd(d, 1);
}
#endif

/* What becomes of n numbers of row x, from number `first` on. */
struct tr__dot_int8 {
    tr__vec8 sum[2]; /* of the even and the odd parts */
    tr__vec8 rest[2]; /* of offsets and minima */
#ifdef TR__HAS_PAIRS
    tr__vec16 pair[2]; /* of the even and the odd pairs */
#endif
};

TR__INLINE float tr__all_sums(const struct tr__dot_int8 *s)
{
    tr__vec8 all = (s->sum[0] + s->sum[1]) + (s->rest[0] + s->rest[1]);
#ifdef TR__HAS_PAIRS
    all += tr__halves(s->pair[0] + s->pair[1]);
#endif
    return tr__sum8(all);
}

/* Factors of groups: d of the weight times d of x; and what offsets and minima add. */
TR__INLINE void tr__groups_int8(const struct tr__int8_row *x, int64_t first, const int n_group,
                                const int group, const float *d, const float *m,
                                const float offset, float *factor, struct tr__dot_int8 *s)
{
    const float *xd = (group == 16 ? x->d16 : x->d32) + first / group;
    const float *xs = (group == 16 ? x->sum16 : x->sum32) + first / group;
#ifdef TR__HAS_PAIRS
    if (n_group == 16) { /* in one piece, as they are read again */
        __m512 all = _mm512_loadu_ps(d), add;
        add = m ? _mm512_loadu_ps(m) : _mm512_mul_ps(all, _mm512_set1_ps(offset));
        _mm512_storeu_ps(factor, _mm512_mul_ps(all, _mm512_loadu_ps(xd)));
        if (m || offset != 0)
            s->pair[0] = (tr__vec16)_mm512_fmadd_ps(add, _mm512_loadu_ps(xs),
                                                    (__m512)s->pair[0]);
        return;
    }
#endif
    TR__EACH(k, n_group / 8) {
        tr__vec8 dk = tr__load8(d + 8 * k);
        _mm256_storeu_ps(factor + 8 * k, (__m256)(dk * tr__load8(xd + 8 * k)));
        tr__vec8 add = m ? tr__load8(m + 8 * k) : offset * dk;
        if (m || offset != 0)
            s->rest[k] = tr__madd8(add, tr__load8(xs + 8 * k), s->rest[k]);
    }
}

enum { TR__SUPER = 256, TR__SIGNED_LEVELS = 1000 };

/* The F16 at p and at seven places behind it, `stride` bytes apart. */
TR__INLINE void tr__load_f16s(const void *p, const int stride, float *to)
{
#ifdef __F16C__
    const char *h = p;
    __m128i eight = _mm_setzero_si128();
#define WORD(i) eight = _mm_insert_epi16(eight, tr__load_u16(h + (i) * stride), i);
    WORD(0) WORD(1) WORD(2) WORD(3) WORD(4) WORD(5) WORD(6) WORD(7)
#undef WORD
    _mm256_storeu_ps(to, _mm256_cvtph_ps(eight));
#else
    TR__EACH(i, 8)
        to[i] = tr__load_f16((const char *)p + i * stride);
#endif
}

/* The parts of a super-block, and its pairs. */
#define TR__PARTS_INT8(T, BLOCK, GROUP, SIGNED)                                          \
    TR__EACH(part, TR__SUPER / TR__PART) {                                               \
        const int of_block = BLOCK / TR__PART;                                           \
        tr__part_int8(T##_bytes(b + part / of_block, part % of_block), SIGNED,           \
                      x->q + first + part * TR__PART,                                    \
                      factor + part * TR__PART / GROUP, GROUP, &s->sum[part % 2]);       \
    }
#define TR__PAIRS_INT8(T, BLOCK, GROUP, SIGNED)                                          \
    TR__EACH(p, TR__SUPER / 64)                                                          \
        tr__pair_int8(T##_pair(b + 64 * p / BLOCK, p), x->q + first + 64 * p, factor,    \
                      GROUP, p, &s->pair[p % 2]);

/* TR__DOT_INT8(T, numbers in a block, 32 or 256, and in a group, whether there are minima, what
 * is added to a level or TR__SIGNED_LEVELS).  Eight blocks of 32, which begin with F16 d and
 * minimum, are taken as one of 256; of those that are left at the end of a row each is filled up
 * with zeros. */
#define TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)                                       \
    TR__DOT_INT8_OF(T, BLOCK, GROUP, MIN, OFFSET, TR__PARTS_INT8)
#define TR__DOT_INT8_OF(T, BLOCK, GROUP, MIN, OFFSET, PRODUCTS)                          \
    TR__INLINE void T##_super_int8(const struct T *b, const struct tr__int8_row *x,      \
                                   int64_t first, struct tr__dot_int8 *s)                \
    {                                                                                    \
        enum { N_GROUP = TR__SUPER / GROUP, SIGNED = (OFFSET) == TR__SIGNED_LEVELS };    \
        float d[N_GROUP], m[N_GROUP], factor[N_GROUP];                                   \
        if (BLOCK == 32)                                                                 \
            tr__load_f16s(b, sizeof *b, d);                                              \
        if (BLOCK == 32 && MIN)                                                          \
            tr__load_f16s((const char *)b + 2, sizeof *b, m);                            \
        if (BLOCK != 32)                                                                 \
            T##_scales(b, d, m);                                                         \
        tr__groups_int8(x, first, N_GROUP, GROUP, d, MIN ? m : NULL,                     \
                        SIGNED || MIN ? 0.0f : (float)(OFFSET), factor, s);              \
        PRODUCTS(T, BLOCK, GROUP, SIGNED)                                                \
    }                                                                                    \
    static float T##_dot_int8(const void *src, const struct tr__int8_row *x, int64_t n)  \
    {                                                                                    \
        const struct T *b = src;                                                         \
        struct tr__dot_int8 s;                                                           \
        int64_t i = 0;                                                                   \
        memset(&s, 0, sizeof s);                                                         \
        for (; i + TR__SUPER <= n; i += TR__SUPER, b += TR__SUPER / BLOCK)               \
            T##_super_int8(b, x, i, &s);                                                 \
        if (i < n) {                                                                     \
            struct T last[TR__SUPER / BLOCK];                                            \
            memset(last, 0, sizeof last);                                                \
            memcpy(last, b, (size_t)(n - i) / BLOCK * sizeof *b);                        \
            T##_super_int8(last, x, i, &s);                                              \
        }                                                                                \
        return tr__all_sums(&s);                                                         \
    }
#define TR__WITH_INT8(T) .dot_int8 = T##_dot_int8,

/* The same for a type that has T_pair, whose levels are those of T_bytes plus OFFSET less
 * PAIR_OFFSET. */
#ifdef TR__HAS_PAIRS
#define TR__DOT_INT8_PAIRS(T, BLOCK, GROUP, MIN, OFFSET, PAIR_OFFSET)                    \
    TR__DOT_INT8_OF(T, BLOCK, GROUP, MIN, PAIR_OFFSET, TR__PAIRS_INT8)
#else
#define TR__DOT_INT8_PAIRS(T, BLOCK, GROUP, MIN, OFFSET, PAIR_OFFSET)                    \
    TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)
#endif

#else /* nothing here is faster than floats */
#define TR__DOT_INT8(T, BLOCK, GROUP, MIN, OFFSET)
#define TR__DOT_INT8_PAIRS(T, BLOCK, GROUP, MIN, OFFSET, PAIR_OFFSET)
#define TR__WITH_INT8(T)
#endif

#endif
