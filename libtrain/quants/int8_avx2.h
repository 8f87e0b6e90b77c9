/* SPDX-License-Identifier: MIT
 *
 * What int8.h asks of a processor, with AVX2: 32 bytes are one register, their products with
 * others eight sums.  With AVX-512 VNNI also 64 bytes.
 */
#ifndef LIBTRAIN_QUANTS_INT8_AVX2_H
#define LIBTRAIN_QUANTS_INT8_AVX2_H

#include <libtrain/base/vec.h>
#include <libtrain/quants/half.h>

#ifdef __AVX2__
#define TR__HAS_BYTES 1
enum { TR__SUMS = 8 };
typedef float tr__sums __attribute__((vector_size(32)));
typedef __m256i tr__bytes;

TR__INLINE tr__bytes tr__bytes32(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* The lowest `bits` bits of each byte of v >> shift. */
TR__INLINE tr__bytes tr__byte_bits(tr__bytes v, int shift, int bits)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi8((1 << bits) - 1));
}

/* Sixteen bytes of nibbles: the low ones, and behind them the high ones. */
TR__INLINE tr__bytes tr__byte_nibbles(const uint8_t *q)
{
    __m128i v = _mm_loadu_si128((const void *)q);
    __asm__("" : "+x"(v)); /* or it is loaded twice, and loads are what is scarce */
    return tr__byte_bits(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), 0, 4);
}

/* Byte i: 16 if bit i is set. */
TR__INLINE tr__bytes tr__byte_fifths(uint32_t bits)
{
    const __m256i spread = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202,
                                             0x0101010101010101, 0);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i v = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), spread);
    v = _mm256_cmpeq_epi8(_mm256_and_si256(v, bit), bit);
    return _mm256_and_si256(v, _mm256_set1_epi8(16));
}

TR__INLINE tr__bytes tr__byte_or(tr__bytes a, tr__bytes b)
{
    return _mm256_or_si256(a, b);
}

/* The lowest n bits of each byte are those of low, 2 or 4, above them is high. */
TR__INLINE tr__bytes tr__byte_join(tr__bytes low, tr__bytes high, const int n)
{
    return _mm256_or_si256(low, _mm256_slli_epi16(high, n));
}

/* An entry of a table of sixteen for each byte below 16. */
TR__INLINE tr__bytes tr__byte_lookup(const int8_t *table, tr__bytes v)
{
    __m128i t = _mm_loadu_si128((const void *)table);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), v);
}

/* Eight sums of four products each; u up to 127, or up to 128 with the sign in x. */
TR__INLINE tr__sums tr__bytes_dot(tr__bytes u, tr__bytes x)
{
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    __m256i sum = _mm256_dpbusd_epi32(_mm256_setzero_si256(), u, x);
#else
    __m256i sum = _mm256_madd_epi16(_mm256_maddubs_epi16(u, x), _mm256_set1_epi16(1));
#endif
    return (tr__sums)_mm256_cvtepi32_ps(sum);
}

TR__INLINE tr__sums tr__load_sums(const float *p)
{
    return (tr__sums)_mm256_loadu_ps(p);
}

TR__INLINE void tr__store_sums(float *p, tr__sums v)
{
    _mm256_storeu_ps(p, (__m256)v);
}

/* a b + c */
TR__INLINE tr__sums tr__madd_sums(tr__sums a, tr__sums b, tr__sums c)
{
#ifdef __FMA__
    return (tr__sums)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* The factor of each of eight sums: one for all, or one for each half. */
TR__INLINE tr__sums tr__scale8(const float *d, const int group)
{
    if (group == 32)
        return (tr__sums)_mm256_broadcast_ss(d);
    __m256 pair = _mm256_castpd_ps(_mm256_broadcast_sd((const double *)(const void *)d));
    return (tr__sums)_mm256_permutevar_ps(pair, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

TR__INLINE float tr__sum_sums(tr__sums v)
{
    float x[8];
    memcpy(x, &v, sizeof x);
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* 32 numbers: *sum += level q, by the factors of their groups. */
TR__INLINE void tr__part_int8(tr__bytes level, const int is_signed, const int8_t *q,
                              const float *factor, const int group, tr__sums *sum)
{
    __m256i x = tr__bytes32(q);
    if (is_signed) {
        x = _mm256_sign_epi8(x, level);
        level = _mm256_abs_epi8(level);
    }
    *sum = tr__madd_sums(tr__bytes_dot(level, x), tr__scale8(factor, group), *sum);
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

TR__INLINE tr__sums tr__halves(tr__vec16 v)
{
    __m512d d = (__m512d)v;
    return (tr__sums)_mm512_castpd512_pd256(d) + (tr__sums)_mm512_extractf64x4_pd(d, 1);
}
#endif

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

#endif

#endif
