/* SPDX-License-Identifier: MIT
 *
 * K-quants: super-blocks of 256 numbers, cut into groups of 16 or 32 whose scales (and
 * minima) are themselves small integers under one F16 scale (and one F16 minimum).
 * Packing is in k_pack.c.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
#include <libtrain/quants/int8.h>
#include <libtrain/quants/k_blocks.h>
#include <libtrain/quants/row.h>

/* Three ways to keep bits of numbers; each gives those of a vector as the lowest bits of
 * integers that may have others above them.
 *
 * Two bits a number: of the 32 bytes of a half of the super-block, byte l holds numbers
 * l, l + 32, l + 64, l + 96, lowest bits first. */
TR__INLINE tr__ivec two_bits(const uint8_t *q, int part, int i)
{
    return tr__load_u8(q + part / 4 * 32 + i * TR__VEC) >> part % 4 * 2;
}

/* Four bits a number: the k-th 32 bytes hold the k-th 64 numbers, first the low nibbles. */
TR__INLINE tr__ivec four_bits(const uint8_t *q, int part, int i)
{
    return tr__load_u8(q + part / 2 * 32 + i * TR__VEC) >> part % 2 * 4;
}

/* One bit a number: that of number l + 32 k is bit k of byte l. */
TR__INLINE tr__ivec one_bit(const uint8_t *high, int part, int i)
{
    return tr__load_u8(high + i * TR__VEC) >> part;
}

TR__INLINE void q2_k_scales(const struct q2_k *b, float *d, float *m)
{
    float scale = tr__load_f16(b->d), min = tr__load_f16(b->min);
    TR__EACH(i, 16 / TR__VEC) {
        tr__ivec bytes = tr__load_u8(b->scale + i * TR__VEC);
        tr__store(d + i * TR__VEC, tr__low_bits(bytes, 4, 0) * scale);
        tr__store(m + i * TR__VEC, tr__to_float(bytes >> 4) * -min);
    }
}

TR__INLINE void q2_k_levels(const struct q2_k *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__low_bits(two_bits(b->q, part, i), 2, 0);
}

/* Bytes of w >> shift & mask, in each byte of it. */
static inline uint32_t in_bytes(uint32_t w, int shift, uint32_t mask)
{
    return w >> shift & mask * 0x01010101;
}

/* Sixteen scales of six bits, less 32.  Low four bits: bytes 0-7, low nibbles first; high
 * two bits: bytes 8-11, four scales apart.  Four scales at a time are one word. */
TR__INLINE void q3_k_scales(const struct q3_k *b, float *d, float *m)
{
    float scale = tr__load_f16(b->d);
    uint32_t high = tr__load_u32(b->scale + 8), word[4];
    uint8_t level[16];
    (void)m;
    TR__EACH(g, 4)
        word[g] = in_bytes(tr__load_u32(b->scale + g % 2 * 4), g / 2 * 4, 15) |
                  in_bytes(high, 2 * g, 3) << 4;
    memcpy(level, word, sizeof level);
    TR__EACH(i, 16 / TR__VEC) {
        tr__ivec factor = tr__load_u8(level + i * TR__VEC) - 32;
        tr__store(d + i * TR__VEC, tr__to_float(factor) * scale);
    }
}

/* Where the third bit is clear, 4 is taken off. */
TR__INLINE void q3_k_levels(const struct q3_k *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__joined_bits(two_bits(b->q, part, i), 2, one_bit(b->high, part, i), 1,
                                   -4);
}

/* Eight scales and eight minima of six bits in twelve bytes: the first four of each in the
 * low bits of bytes 0-3 and 4-7; of the others the low nibbles are in bytes 8-11 and the
 * high bits on top of bytes 0-3 and 4-7. */
TR__INLINE void packed_scales(const uint8_t *s, float scale, float min, float *d, float *m)
{
    uint32_t w[3] = { tr__load_u32(s), tr__load_u32(s + 4), tr__load_u32(s + 8) };
    uint32_t word[4] = { in_bytes(w[0], 0, 63), in_bytes(w[2], 0, 15) | in_bytes(w[0], 6, 3) << 4,
                         in_bytes(w[1], 0, 63), in_bytes(w[2], 4, 15) | in_bytes(w[1], 6, 3) << 4 };
    uint8_t level[16];
    float both[16];
    memcpy(level, word, sizeof level);
    TR__EACH(i, 16 / TR__VEC)
        tr__store(both + i * TR__VEC, tr__to_float(tr__load_u8(level + i * TR__VEC)));
#pragma omp simd
    for (int g = 0; g < 8; g++) {
        d[g] = both[g] * scale;
        m[g] = both[8 + g] * -min;
    }
}

TR__INLINE void q4_k_scales(const struct q4_k *b, float *d, float *m)
{
    packed_scales(b->scale, tr__load_f16(b->d), tr__load_f16(b->min), d, m);
}

TR__INLINE void q4_k_levels(const struct q4_k *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__low_bits(four_bits(b->q, part, i), 4, 0);
}

TR__INLINE void q5_k_scales(const struct q5_k *b, float *d, float *m)
{
    packed_scales(b->scale, tr__load_f16(b->d), tr__load_f16(b->min), d, m);
}

TR__INLINE void q5_k_levels(const struct q5_k *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__joined_bits(four_bits(b->q, part, i), 4, one_bit(b->high, part, i), 1,
                                   0);
}

TR__INLINE void q6_k_scales(const struct q6_k *b, float *d, float *m)
{
    float scale = tr__load_f16(b->d);
    (void)m;
    TR__EACH(i, 16 / TR__VEC) {
        tr__ivec factor = tr__load_i8(b->scale + i * TR__VEC);
        tr__store(d + i * TR__VEC, tr__to_float(factor) * scale);
    }
}

/* Of the 64 bytes of nibbles of a half, byte l holds numbers l and l + 64. */
TR__INLINE void q6_k_levels(const struct q6_k *b, int part, tr__vec *level)
{
    const uint8_t *q = b->q + part / 4 * 64 + part % 2 * 32;
    TR__EACH(i, TR__PART_VECS) {
        tr__ivec low = tr__load_u8(q + i * TR__VEC) >> part / 2 % 2 * 4;
        level[i] = tr__joined_bits(low, 4, two_bits(b->high, part, i), 2, -32);
    }
}

/* Floats are multiplied by one scale after the other.  The compiler would keep all 16 in a vector
 * and shuffle each one out of it; a load puts a number in all places of a vector for nothing.
 * So T_in_memory hides from it what they are. */
#define IN_MEMORY(T, MIN)                                                                \
    TR__INLINE void T##_in_memory(const struct T *b, float *d, float *m)                 \
    {                                                                                    \
        T##_scales(b, d, m);                                                             \
        __asm__("" : "+m"(*(float(*)[16])d));                                            \
        if (MIN)                                                                         \
            __asm__("" : "+m"(*(float(*)[16])m));                                        \
    }
IN_MEMORY(q2_k, 1)
IN_MEMORY(q3_k, 0)
IN_MEMORY(q6_k, 0)

TR__ROW_BY(q2_k, 256, 16, 1, q2_k_in_memory)
TR__ROW_BY(q3_k, 256, 16, 0, q3_k_in_memory)
TR__ROW(q4_k, 256, 32, 1)
TR__ROW(q5_k, 256, 32, 1)
TR__ROW_BY(q6_k, 256, 16, 0, q6_k_in_memory)

#ifdef TR__HAS_BYTES
TR__INLINE tr__bytes q2_k_bytes(const struct q2_k *b, int part)
{
    return tr__byte_bits(tr__bytes32(b->q + part / 4 * 32), part % 4 * 2, 2);
}

TR__INLINE tr__bytes q3_k_bytes(const struct q3_k *b, int part)
{
    tr__bytes low = tr__byte_bits(tr__bytes32(b->q + part / 4 * 32), part % 4 * 2, 2);
    tr__bytes high = tr__byte_bits(tr__bytes32(b->high), part, 1);
    return tr__byte_join(low, high, 2);
}

TR__INLINE tr__bytes q4_k_bytes(const struct q4_k *b, int part)
{
    return tr__byte_bits(tr__bytes32(b->q + part / 2 * 32), part % 2 * 4, 4);
}

TR__INLINE tr__bytes q5_k_bytes(const struct q5_k *b, int part)
{
    tr__bytes low = tr__byte_bits(tr__bytes32(b->q + part / 2 * 32), part % 2 * 4, 4);
    tr__bytes high = tr__byte_bits(tr__bytes32(b->high), part, 1);
    return tr__byte_join(low, high, 4);
}

TR__INLINE tr__bytes q6_k_bytes(const struct q6_k *b, int part)
{
    const uint8_t *q = b->q + part / 4 * 64 + part % 2 * 32;
    tr__bytes low = tr__byte_bits(tr__bytes32(q), part / 2 % 2 * 4, 4);
    tr__bytes high = tr__byte_bits(tr__bytes32(b->high + part / 4 * 32), part % 4 * 2, 2);
    return tr__byte_join(low, high, 4);
}
#endif

#ifdef TR__HAS_PAIRS
/* 32 bytes >> a, and behind them the same >> b; less than 0: to the left. */
TR__INLINE __m512i shifted(const uint8_t *p, const int a, const int b)
{
    __m512i twice = _mm512_broadcast_i64x4(tr__bytes32(p));
    const __m512i right = _mm512_setr_epi64(a, a, a, a, b, b, b, b);
    const __m512i left = _mm512_setr_epi64(-a, -a, -a, -a, -b, -b, -b, -b);
    return a < 0 || b < 0 ? _mm512_sllv_epi64(twice, left) : _mm512_srlv_epi64(twice, right);
}

/* Bits of each byte. */
TR__INLINE __m512i only(__m512i v, const int bits)
{
    return _mm512_and_si512(v, _mm512_set1_epi8((char)bits));
}

TR__INLINE __m512i q2_k_pair(const struct q2_k *b, const int p)
{
    return only(shifted(b->q + p / 2 * 32, p % 2 * 4, p % 2 * 4 + 2), 3);
}

TR__INLINE __m512i q3_k_pair(const struct q3_k *b, const int p)
{
    __m512i low = only(shifted(b->q + p / 2 * 32, p % 2 * 4, p % 2 * 4 + 2), 3);
    return _mm512_or_si512(low, only(shifted(b->high, 2 * p - 2, 2 * p - 1), 4));
}

TR__INLINE __m512i q4_k_pair(const struct q4_k *b, const int p)
{
    return only(shifted(b->q + 32 * p, 0, 4), 15);
}

TR__INLINE __m512i q5_k_pair(const struct q5_k *b, const int p)
{
    __m512i low = only(shifted(b->q + 32 * p, 0, 4), 15);
    return _mm512_or_si512(low, only(shifted(b->high, 2 * p - 4, 2 * p - 3), 16));
}

TR__INLINE __m512i q6_k_pair(const struct q6_k *b, const int p)
{
    __m512i q = _mm512_loadu_si512((const void *)(b->q + p / 2 * 64));
    __m512i low = only(_mm512_srli_epi16(q, p % 2 * 4), 15);
    const uint8_t *high = b->high + p / 2 * 32;
    return _mm512_or_si512(low, p % 2 ? only(shifted(high, 0, 2), 48)
                                      : only(shifted(high, -4, -2), 48));
}
#endif

TR__DOT_INT8_PAIRS(q2_k, 256, 16, 1, 0, 0)
TR__DOT_INT8_PAIRS(q3_k, 256, 16, 0, -4, -4)
TR__DOT_INT8_PAIRS(q4_k, 256, 32, 1, 0, 0)
TR__DOT_INT8_PAIRS(q5_k, 256, 32, 1, 0, 0)
TR__DOT_INT8_PAIRS(q6_k, 256, 16, 0, -32, -32)

static int q2_k_finite(const void *src, int64_t n)
{
    const struct q2_k *b = src;
    return tr__f16_pairs_finite(b->d, n / 256, sizeof *b);
}

static int q3_k_finite(const void *src, int64_t n)
{
    const struct q3_k *b = src;
    return tr__f16_scales_finite(b->d, n / 256, sizeof *b);
}

static int q4_k_finite(const void *src, int64_t n)
{
    return tr__f16_pairs_finite(src, n / 256, sizeof(struct q4_k));
}

static int q5_k_finite(const void *src, int64_t n)
{
    return tr__f16_pairs_finite(src, n / 256, sizeof(struct q5_k));
}

static int q6_k_finite(const void *src, int64_t n)
{
    const struct q6_k *b = src;
    return tr__f16_scales_finite(b->d, n / 256, sizeof *b);
}

/* File types: what llama-quantize writes for the bare name, which stands for its medium
 * mix. */
const struct tr_dtype tr__q2_k = {
    .name = "Q2_K", .id = 10, .file_type = 10, .block = 256, .bytes = sizeof(struct q2_k),
    .to_f32 = q2_k_to_f32, .from_f32 = tr__q2_k_from_f32,
    .from_f32_by = tr__q2_k_from_f32_by,
    .finite = q2_k_finite, .dot = q2_k_dot, TR__WITH_INT8(q2_k)
};

const struct tr_dtype tr__q3_k = {
    .name = "Q3_K", .id = 11, .file_type = 12, .block = 256, .bytes = sizeof(struct q3_k),
    .to_f32 = q3_k_to_f32, .from_f32 = tr__q3_k_from_f32,
    .from_f32_by = tr__q3_k_from_f32_by,
    .finite = q3_k_finite, .dot = q3_k_dot, TR__WITH_INT8(q3_k)
};

const struct tr_dtype tr__q4_k = {
    .name = "Q4_K", .id = 12, .file_type = 15, .block = 256, .bytes = sizeof(struct q4_k),
    .to_f32 = q4_k_to_f32, .from_f32 = tr__q4_k_from_f32,
    .from_f32_by = tr__q4_k_from_f32_by,
    .finite = q4_k_finite, .dot = q4_k_dot, TR__WITH_INT8(q4_k)
};

const struct tr_dtype tr__q5_k = {
    .name = "Q5_K", .id = 13, .file_type = 17, .block = 256, .bytes = sizeof(struct q5_k),
    .to_f32 = q5_k_to_f32, .from_f32 = tr__q5_k_from_f32,
    .from_f32_by = tr__q5_k_from_f32_by,
    .finite = q5_k_finite, .dot = q5_k_dot, TR__WITH_INT8(q5_k)
};

const struct tr_dtype tr__q6_k = {
    .name = "Q6_K", .id = 14, .file_type = 18, .block = 256, .bytes = sizeof(struct q6_k),
    .to_f32 = q6_k_to_f32, .from_f32 = tr__q6_k_from_f32,
    .from_f32_by = tr__q6_k_from_f32_by,
    .finite = q6_k_finite, .dot = q6_k_dot, TR__WITH_INT8(q6_k)
};
