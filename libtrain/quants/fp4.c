/* SPDX-License-Identifier: MIT
 *
 * Floats of four bits: a sign, two bits of exponent and one of fraction.  MXFP4 (Open Compute
 * Project 2023), as gpt-oss has its experts, scales 32 of them by a power of two; byte j of
 * the nibbles holds numbers j and j + 16.  NVFP4 scales 16 by a float of eight bits without a
 * sign (E4M3), four such groups a block; byte j of a group holds numbers j and j + 8.
 */
#include <libtrain/dtype.h>
#include <libtrain/quants/half.h>
#include <libtrain/quants/range.h>
#include <libtrain/quants/row.h>

#include <float.h>
#include <math.h>

struct mxfp4 {
    uint8_t e;
    uint8_t q[16];
};

/* 2^(e - 128): half of the scale, since levels are twice the floats, which are whole then.
 * The first two are subnormal. */
TR__INLINE void mxfp4_scales(const struct mxfp4 *b, float *d, float *m)
{
    uint32_t e = b->e;
    (void)m;
    *d = tr__bits_f32(e < 2 ? 0x00200000u << e : (e - 1) << 23);
}

/* 0 1 2 3 4 6 8 12, and those with the other sign, for the lowest four bits of each. */
TR__INLINE tr__vec twice_fp4(tr__ivec v)
{
#if defined(__AVX512F__)
    return tr__lookup_in(v, (tr__vec){ 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8,
                                       -12 });
#else
    tr__ivec c = v & 7, minus = (v & 8) != 0;
    c = c - (c > 4) - (c > 5) - 3 * (c > 6);
    return tr__to_float((c ^ minus) - minus);
#endif
}

TR__INLINE void mxfp4_levels(const struct mxfp4 *b, int part, tr__vec *level)
{
    (void)part;
    TR__EACH(i, TR__PART_VECS / 2) {
        tr__ivec bytes = tr__load_u8(b->q + i * TR__VEC);
        level[i] = twice_fp4(bytes);
        level[i + TR__PART_VECS / 2] = twice_fp4(bytes >> 4);
    }
}

TR__ROW(mxfp4, 32, 32, 0)

/* 255 stands for NaN.  The largest level times 2^(253 - 128) is beyond F32; zeros may have
 * that scale, see mxfp4_exponent. */
static int mxfp4_finite(const void *src, int64_t n)
{
    static const uint8_t zeros[16];
    const struct mxfp4 *b = src;
    int good = 1;
    for (int64_t i = 0; i < n / 32; i++)
        good &= b[i].e < 253 || (b[i].e < 255 && !memcmp(b[i].q, zeros, 16));
    return good;
}

struct nvfp4 {
    uint8_t e[4];
    uint8_t q[32];
};

/* Half of the scale, as above.  With its seven bits on top of those of an F16, whose exponent
 * counts from 8 lower, it is 2^-8 of itself.  0x7f, NaN elsewhere, is 0 in ggml; the top bit is
 * no sign. */
TR__INLINE float half_e4m3(uint8_t x)
{
    uint16_t h = (uint16_t)((x & 0x7f) << 7);
    return tr__f16_to_f32(x == 0x7f ? 0 : h) * 128.0f;
}

TR__INLINE void nvfp4_scales(const struct nvfp4 *b, float *d, float *m)
{
    (void)m;
    TR__EACH(g, 4)
        d[g] = half_e4m3(b->e[g]);
}

/* Vectors are of half a group or less, or of all of it: then low and high halves of two groups
 * change places. */
TR__INLINE void nvfp4_levels(const struct nvfp4 *b, int part, tr__vec *level)
{
    const uint8_t *q = b->q + 16 * part;
#if defined(__AVX512F__)
    tr__ivec bytes = tr__load_u8(q);
    tr__vec low = twice_fp4(bytes), high = twice_fp4(bytes >> 4);
    level[0] = tr__shuffle(low, high, (tr__ivec){ 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20,
                                                  21, 22, 23 });
    level[1] = tr__shuffle(low, high, (tr__ivec){ 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26,
                                                  27, 28, 29, 30, 31 });
#else
    TR__EACH(v, TR__PART_VECS) {
        int first = v * TR__VEC;
        level[v] = twice_fp4(tr__load_u8(q + first / 16 * 8 + first % 8) >>
                             first % 16 / 8 * 4);
    }
#endif
}

TR__ROW(nvfp4, 64, 16, 0)

/* ==== packing ==== */

TR__INLINE tr__vec magnitude(tr__vec v)
{
    return (tr__vec)((tr__ivec)v & INT32_MAX);
}

/* The floats nearest to n (16 or 32) numbers x under half of a scale; of two that are as near, the one
 * nearer to zero, which has no sign if it is zero.  Distances are compared as they are
 * rounded: beside a number that is far too large, all floats are zero. */
static void nearest_fp4(const float *x, int n, float half, uint8_t *code)
{
    static const float level[8] = { 0, 1, 2, 3, 4, 6, 8, 12 };
    int32_t all[32];
    for (int i = 0; i < n; i += TR__VEC) {
        tr__vec v = tr__load(x + i), least = magnitude(v);
        tr__ivec best = { 0 };
        TR__EACH(k, 7) {
            tr__vec distance = magnitude(level[k + 1] * half - magnitude(v));
            tr__ivec nearer = distance < least;
            best = (best & ~nearer) | (nearer & (k + 1));
            least = (tr__vec)(((tr__ivec)least & ~nearer) | ((tr__ivec)distance & nearer));
        }
        best |= (best > 0) & (v < 0.0f) & 8;
        memcpy(all + i, &best, sizeof best);
    }
    for (int i = 0; i < n; i++)
        code[i] = (uint8_t)all[i];
}

/* n bytes, each of a code and the one n behind. */
static void pack_nibbles(const uint8_t *code, int n, uint8_t *q)
{
    for (int j = 0; j < n; j++)
        q[j] = (uint8_t)(code[j] | code[j + n] << 4);
}

/* The largest number gets the largest exponent.  Below 2^-125 that would be less than 0, and
 * llama.cpp keeps its lowest byte: a large scale for nothing but zeros.  log2f rounds up what
 * is just below a power of two, as it does there. */
static uint8_t mxfp4_exponent(float max)
{
    if (!(max <= FLT_MAX))
        return 255;
    return max > 0.0f ? (uint8_t)((int)floorf(log2f(max)) - 2 + 127) : 0;
}

static void mxfp4_from_f32(const float *src, void *dst, int64_t n)
{
    struct mxfp4 *b = dst;
    uint8_t code[32];
    float half, none;
    for (; n > 0; n -= 32, b++, src += 32) {
        b->e = mxfp4_exponent(tr__abs_max(src, 32));
        mxfp4_scales(b, &half, &none);
        nearest_fp4(src, 32, half, code);
        pack_nibbles(code, 16, b->q);
    }
}

/* The float of eight bits nearest to x, halves up; 448, the largest, for what is larger. */
static uint8_t to_e4m3(float x)
{
    uint32_t u = tr__f32_bits(x);
    if (!(x >= 0x1p-6f)) { /* steps of 2^-9 */
        int f = x > 0.0f ? (int)(x * 512.0f + 0.5f) : 0;
        return (uint8_t)(f < 7 ? f : 7);
    }
    uint32_t rounded = ((u >> 19) + 1) >> 1; /* exponent and three bits of fraction */
    rounded -= (127 - 7) << 3;
    return (uint8_t)(rounded < 0x78 ? rounded : 0x7e);
}

/* The largest number of a group becomes 6. */
static void nvfp4_from_f32(const float *src, void *dst, int64_t n)
{
    struct nvfp4 *b = dst;
    uint8_t code[16];
    for (; n > 0; n -= 64, b++, src += 64)
        for (int g = 0; g < 4; g++) {
            b->e[g] = to_e4m3(tr__abs_max(src + 16 * g, 16) / 6.0f);
            nearest_fp4(src + 16 * g, 16, half_e4m3(b->e[g]), code);
            pack_nibbles(code, 8, b->q + 8 * g);
        }
}

const struct tr_dtype tr__mxfp4 = {
    .name = "MXFP4", .id = 39, .file_type = 38, .block = 32, .bytes = sizeof(struct mxfp4),
    .to_f32 = mxfp4_to_f32, .from_f32 = mxfp4_from_f32, .finite = mxfp4_finite, .dot = mxfp4_dot,
};

const struct tr_dtype tr__nvfp4 = {
    .name = "NVFP4", .id = 40, .file_type = 39, .block = 64, .bytes = sizeof(struct nvfp4),
    .to_f32 = nvfp4_to_f32, .from_f32 = nvfp4_from_f32, .dot = nvfp4_dot,
    .largest = 448.0f * 6.0f,
};
