/* SPDX-License-Identifier: MIT
 *
 * K-quants: super-blocks of 256 numbers, cut into groups of 16 or 32 whose scales (and
 * minima) are themselves small integers under one F16 scale (and one F16 minimum).
 * Packing is in k_pack.c.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
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

/* Hides from the compiler what the 16 scales at d are.  It would keep them in a vector and
 * shuffle each one out of it; a load puts a number in all places of a vector for nothing. */
TR__INLINE void read_from_memory(float *d)
{
    __asm__("" : "+m"(*(float(*)[16])d));
}

TR__INLINE void q2_k_scales(const struct q2_k *b, float *d, float *m)
{
    float scale = tr__load_f16(b->d), min = tr__load_f16(b->min);
    TR__EACH(i, 16 / TR__VEC) {
        tr__ivec bytes = tr__load_u8(b->scale + i * TR__VEC);
        tr__store(d + i * TR__VEC, tr__low_bits(bytes, 4, 0) * scale);
        tr__store(m + i * TR__VEC, tr__to_float(bytes >> 4) * -min);
    }
    read_from_memory(d);
    read_from_memory(m);
}

TR__INLINE void q2_k_levels(const struct q2_k *b, int part, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS)
        level[i] = tr__low_bits(two_bits(b->q, part, i), 2, 0);
}

/* Sixteen scales of six bits, less 32.  Low four bits: bytes 0-7, low nibbles first; high
 * two bits: bytes 8-11, four scales apart. */
TR__INLINE void q3_k_scales(const struct q3_k *b, float *d, float *m)
{
    float scale = tr__load_f16(b->d);
    (void)m;
    for (int g = 0; g < 16; g++) {
        int low = g < 8 ? b->scale[g] & 15 : b->scale[g - 8] >> 4;
        int high = b->scale[8 + g % 4] >> 2 * (g / 4) & 3;
        d[g] = scale * (float)((low | high << 4) - 32);
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
    for (int g = 0; g < 4; g++) {
        int low = s[g + 8] & 15, high = s[g + 8] >> 4;
        d[g] = scale * (float)(s[g] & 63);
        m[g] = -min * (float)(s[g + 4] & 63);
        d[g + 4] = scale * (float)(low | s[g] >> 6 << 4);
        m[g + 4] = -min * (float)(high | s[g + 4] >> 6 << 4);
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
    read_from_memory(d);
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

TR__ROW(q2_k, 256, 16, 1)
TR__ROW(q3_k, 256, 16, 0)
TR__ROW(q4_k, 256, 32, 1)
TR__ROW(q5_k, 256, 32, 1)
TR__ROW(q6_k, 256, 16, 0)

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
    .finite = q2_k_finite, .dot = q2_k_dot,
};

const struct tr_dtype tr__q3_k = {
    .name = "Q3_K", .id = 11, .file_type = 12, .block = 256, .bytes = sizeof(struct q3_k),
    .to_f32 = q3_k_to_f32, .from_f32 = tr__q3_k_from_f32,
    .from_f32_by = tr__q3_k_from_f32_by,
    .finite = q3_k_finite, .dot = q3_k_dot,
};

const struct tr_dtype tr__q4_k = {
    .name = "Q4_K", .id = 12, .file_type = 15, .block = 256, .bytes = sizeof(struct q4_k),
    .to_f32 = q4_k_to_f32, .from_f32 = tr__q4_k_from_f32,
    .from_f32_by = tr__q4_k_from_f32_by,
    .finite = q4_k_finite, .dot = q4_k_dot,
};

const struct tr_dtype tr__q5_k = {
    .name = "Q5_K", .id = 13, .file_type = 17, .block = 256, .bytes = sizeof(struct q5_k),
    .to_f32 = q5_k_to_f32, .from_f32 = tr__q5_k_from_f32,
    .from_f32_by = tr__q5_k_from_f32_by,
    .finite = q5_k_finite, .dot = q5_k_dot,
};

const struct tr_dtype tr__q6_k = {
    .name = "Q6_K", .id = 14, .file_type = 18, .block = 256, .bytes = sizeof(struct q6_k),
    .to_f32 = q6_k_to_f32, .from_f32 = tr__q6_k_from_f32,
    .from_f32_by = tr__q6_k_from_f32_by,
    .finite = q6_k_finite, .dot = q6_k_dot,
};
