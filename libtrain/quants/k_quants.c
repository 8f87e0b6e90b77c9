/* SPDX-License-Identifier: MIT
 *
 * K-quants: super-blocks of 256 numbers, cut into groups of 16 or 32 whose scales (and
 * minima) are themselves small integers under one F16 scale (and one F16 minimum).
 * Packing is in k_pack.c.
 */
#include <libtrain/dtype.h>
#include <libtrain/internal/half.h>
#include <libtrain/quants/k_blocks.h>

/* Unpacking goes in two steps, which compilers vectorise well: the levels of a super-block
 * as bytes, then this, with scale and minimum of each group of 16. */
static inline void scale_groups(const int8_t *level, const float *d, const float *m,
                                float *restrict dst)
{
    for (int g = 0; g < 16; g++) {
        float dg = d[g], mg = m[g];
#pragma omp simd
        for (int l = 0; l < 16; l++)
            dst[16 * g + l] = dg * (float)level[16 * g + l] - mg;
    }
}

/* Two bits a number: of the 32 bytes of a half of the super-block, byte l holds numbers
 * l, l + 32, l + 64, l + 96, lowest bits first. */
static inline void two_bits(const uint8_t *q, int8_t *level)
{
    for (int l = 0; l < 32; l++) {
        level[l] = q[l] & 3;
        level[l + 32] = q[l] >> 2 & 3;
        level[l + 64] = q[l] >> 4 & 3;
        level[l + 96] = (int8_t)(q[l] >> 6);
    }
}

static void q2_k_to_f32(const void *src, float *restrict dst, int64_t n)
{
    const struct q2_k *b = src;
    int8_t level[256];
    float d[16], m[16];
    for (int64_t i = 0; i < n / 256; i++, b++, dst += 256) {
        float scale = tr__load_f16(b->d), min = tr__load_f16(b->min);
        two_bits(b->q, level);
        two_bits(b->q + 32, level + 128);
        for (int g = 0; g < 16; g++) {
            d[g] = scale * (float)(b->scale[g] & 15);
            m[g] = min * (float)(b->scale[g] >> 4);
        }
        scale_groups(level, d, m, dst);
    }
}

/* Sixteen scales of six bits, less 32.  Low four bits: bytes 0-7, low nibbles first; high
 * two bits: bytes 8-11, four scales apart. */
static inline int q3_k_scale(const uint8_t *scale, int g)
{
    int low = g < 8 ? scale[g] & 15 : scale[g - 8] >> 4;
    int high = scale[8 + g % 4] >> 2 * (g / 4) & 3;
    return (low | high << 4) - 32;
}

/* The third bit of number l + 32 k is bit k of byte l of `high`; if it is clear, 4 is
 * taken off. */
static void q3_k_to_f32(const void *src, float *restrict dst, int64_t n)
{
    const struct q3_k *b = src;
    const float zero[16] = { 0 };
    int8_t level[256];
    float d[16];
    for (int64_t i = 0; i < n / 256; i++, b++, dst += 256) {
        float scale = tr__load_f16(b->d);
        two_bits(b->q, level);
        two_bits(b->q + 32, level + 128);
        for (int k = 0; k < 8; k++)
            for (int l = 0; l < 32; l++)
                level[32 * k + l] -= b->high[l] & 1 << k ? 0 : 4;
        for (int g = 0; g < 16; g++)
            d[g] = scale * (float)q3_k_scale(b->scale, g);
        scale_groups(level, d, zero, dst);
    }
}

/* Eight scales and eight minima of six bits in twelve bytes: the first four of each in the
 * low bits of bytes 0-3 and 4-7; of the others the low nibbles are in bytes 8-11 and the
 * high bits on top of bytes 0-3 and 4-7.  Each counts for two groups of 16. */
static void q4_k_scales(const uint8_t *s, const uint8_t *d16, const uint8_t *min16,
                        float *d, float *m)
{
    float scale = tr__load_f16(d16), min = tr__load_f16(min16);
    for (int g = 0; g < 4; g++) {
        int low = s[g + 8] & 15, high = s[g + 8] >> 4;
        d[2 * g] = d[2 * g + 1] = scale * (float)(s[g] & 63);
        m[2 * g] = m[2 * g + 1] = min * (float)(s[g + 4] & 63);
        d[2 * g + 8] = d[2 * g + 9] = scale * (float)(low | s[g] >> 6 << 4);
        m[2 * g + 8] = m[2 * g + 9] = min * (float)(high | s[g + 4] >> 6 << 4);
    }
}

/* Four bits a number: the k-th 32 bytes hold the k-th 64 numbers, first the low nibbles. */
static inline void four_bits(const uint8_t *q, int8_t *level)
{
    for (int k = 0; k < 4; k++)
        for (int l = 0; l < 32; l++) {
            level[64 * k + l] = q[32 * k + l] & 15;
            level[64 * k + l + 32] = (int8_t)(q[32 * k + l] >> 4);
        }
}

static void q4_k_to_f32(const void *src, float *restrict dst, int64_t n)
{
    const struct q4_k *b = src;
    int8_t level[256];
    float d[16], m[16];
    for (int64_t i = 0; i < n / 256; i++, b++, dst += 256) {
        four_bits(b->q, level);
        q4_k_scales(b->scale, b->d, b->min, d, m);
        scale_groups(level, d, m, dst);
    }
}

/* The fifth bit of number l + 32 k is bit k of byte l of `high`. */
static void q5_k_to_f32(const void *src, float *restrict dst, int64_t n)
{
    const struct q5_k *b = src;
    int8_t level[256];
    float d[16], m[16];
    for (int64_t i = 0; i < n / 256; i++, b++, dst += 256) {
        four_bits(b->q, level);
        for (int k = 0; k < 8; k++)
            for (int l = 0; l < 32; l++)
                level[32 * k + l] |= b->high[l] & 1 << k ? 16 : 0;
        q4_k_scales(b->scale, b->d, b->min, d, m);
        scale_groups(level, d, m, dst);
    }
}

/* Of the 64 bytes of nibbles of a half, byte l holds numbers l and l + 64; the upper two
 * bits are packed as in two_bits. */
static inline void six_bits(const uint8_t *q, const uint8_t *high, int8_t *level)
{
    two_bits(high, level);
    for (int l = 0; l < 64; l++) {
        level[l] = (int8_t)((level[l] << 4 | (q[l] & 15)) - 32);
        level[l + 64] = (int8_t)((level[l + 64] << 4 | q[l] >> 4) - 32);
    }
}

static void q6_k_to_f32(const void *src, float *restrict dst, int64_t n)
{
    const struct q6_k *b = src;
    const float zero[16] = { 0 };
    int8_t level[256];
    float d[16];
    for (int64_t i = 0; i < n / 256; i++, b++, dst += 256) {
        float scale = tr__load_f16(b->d);
        six_bits(b->q, b->high, level);
        six_bits(b->q + 64, b->high + 32, level + 128);
        for (int g = 0; g < 16; g++)
            d[g] = scale * (float)b->scale[g];
        scale_groups(level, d, zero, dst);
    }
}

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
    .to_f32 = q2_k_to_f32, .from_f32 = tr__q2_k_from_f32, .finite = q2_k_finite,
};

const struct tr_dtype tr__q3_k = {
    .name = "Q3_K", .id = 11, .file_type = 12, .block = 256, .bytes = sizeof(struct q3_k),
    .to_f32 = q3_k_to_f32, .from_f32 = tr__q3_k_from_f32, .finite = q3_k_finite,
};

const struct tr_dtype tr__q4_k = {
    .name = "Q4_K", .id = 12, .file_type = 15, .block = 256, .bytes = sizeof(struct q4_k),
    .to_f32 = q4_k_to_f32, .from_f32 = tr__q4_k_from_f32, .finite = q4_k_finite,
};

const struct tr_dtype tr__q5_k = {
    .name = "Q5_K", .id = 13, .file_type = 17, .block = 256, .bytes = sizeof(struct q5_k),
    .to_f32 = q5_k_to_f32, .from_f32 = tr__q5_k_from_f32, .finite = q5_k_finite,
};

const struct tr_dtype tr__q6_k = {
    .name = "Q6_K", .id = 14, .file_type = 18, .block = 256, .bytes = sizeof(struct q6_k),
    .to_f32 = q6_k_to_f32, .from_f32 = tr__q6_k_from_f32, .finite = q6_k_finite,
};
