/* SPDX-License-Identifier: MIT
 *
 * IQ4_NL and IQ4_XS: four bits that stand for sixteen levels, closer together around zero
 * where weights are.  IQ4_NL has 32 numbers under one F16 scale; IQ4_XS 256 under one, with
 * six bits s for each 32 of them: x = d (s - 32) level.  In every 32 numbers byte j of the
 * nibbles holds j and j + 16.  The levels are ggml's.
 *
 * To pack, sixteen scales are tried for each 32 numbers, side by side, and the one of the
 * least squared error is taken; an error weighs x^2, or as the importance of the columns
 * says.
 */
#include <libtrain/quants/int8.h>
#include <libtrain/quants/k_search.h>
#include <libtrain/quants/range.h>
#include <libtrain/quants/row.h>

/* An entry of the table for the lowest four bits of each integer. */
TR__INLINE tr__vec iq4_level(tr__ivec v)
{
#if defined(__AVX512F__)
    return tr__lookup_in(v, (tr__vec){ -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25,
                                       38, 53, 69, 89, 113 });
#else
    static const float table[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113 };
    tr__vec level;
    TR__EACH(i, TR__VEC)
        level[i] = table[v[i] & 15];
    return level;
#endif
}

TR__INLINE void iq4_levels(const uint8_t *q, tr__vec *level)
{
    TR__EACH(i, TR__PART_VECS / 2) {
        tr__ivec bytes = tr__load_u8(q + i * TR__VEC);
        level[i] = iq4_level(bytes);
        level[i + TR__PART_VECS / 2] = iq4_level(bytes >> 4);
    }
}

struct iq4_nl {
    uint8_t d[2];
    uint8_t q[16];
};

TR__INLINE void iq4_nl_scales(const struct iq4_nl *b, float *d, float *m)
{
    (void)m;
    *d = tr__load_f16(b->d);
}

TR__INLINE void iq4_nl_levels(const struct iq4_nl *b, int part, tr__vec *level)
{
    (void)part;
    iq4_levels(b->q, level);
}

TR__ROW(iq4_nl, 32, 32, 0)

struct iq4_xs {
    uint8_t d[2];
    uint8_t high[2]; /* the upper two bits of each s */
    uint8_t low[4];  /* the lower four */
    uint8_t q[128];
};

TR__INLINE void iq4_xs_scales(const struct iq4_xs *b, float *d, float *m)
{
    float all = tr__load_f16(b->d);
    (void)m;
    TR__EACH(g, 8) {
        int s = (b->low[g / 2] >> 4 * (g % 2) & 15) | (b->high[g / 4] >> 2 * (g % 4) & 3) << 4;
        d[g] = all * (float)(s - 32);
    }
}

TR__INLINE void iq4_xs_levels(const struct iq4_xs *b, int part, tr__vec *level)
{
    iq4_levels(b->q + 16 * part, level);
}

TR__ROW(iq4_xs, 256, 32, 0)

#ifdef TR__HAS_BYTES
TR__INLINE tr__bytes iq4_bytes(const uint8_t *q)
{
    static const int8_t table[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113 };
    return tr__byte_lookup(table, tr__byte_nibbles(q));
}

TR__INLINE tr__bytes iq4_nl_bytes(const struct iq4_nl *b, int part)
{
    (void)part;
    return iq4_bytes(b->q);
}

TR__INLINE tr__bytes iq4_xs_bytes(const struct iq4_xs *b, int part)
{
    return iq4_bytes(b->q + 16 * part);
}
#endif

#ifdef TR__HAS_PAIRS
/* Levels plus 128. */
TR__INLINE __m512i iq4_pair(const uint8_t *a, const uint8_t *b)
{
    const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(
        1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75, -59, -39, -15));
    return _mm512_shuffle_epi8(table, tr__nibble_pair(a, b));
}

TR__INLINE __m512i iq4_nl_pair(const struct iq4_nl *b, int p)
{
    (void)p;
    return iq4_pair(b[0].q, b[1].q);
}

TR__INLINE __m512i iq4_xs_pair(const struct iq4_xs *b, int p)
{
    return iq4_pair(b->q + 32 * p, b->q + 32 * p + 16);
}
#endif

TR__DOT_INT8_PAIRS(iq4_nl, 32, 32, 0, TR__SIGNED_LEVELS, -128)
TR__DOT_INT8_PAIRS(iq4_xs, 256, 32, 0, TR__SIGNED_LEVELS, -128)

/* ==== packing ==== */

/* Half way from each level to the next, where a number goes to the upper one, and how far
 * that is away. */
static const float between[15] = { -115.5f, -93.5f, -74.0f, -57.0f, -42.0f,
                                   -28.5f,  -16.0f, -4.5f,  7.0f,   19.0f,
                                   31.5f,   45.5f,  61.0f,  79.0f,  101.0f };
static const float step[15] = { 23, 21, 18, 16, 14, 13, 12, 11, 12, 12, 13, 15, 16, 20, 24 };

TR__INLINE tr__vec nearest_level(tr__vec x)
{
    tr__vec level = tr__splat(-127.0f);
    TR__EACH(k, 15)
        level += (tr__vec)((x >= between[k]) & (tr__ivec)tr__splat(step[k]));
    return level;
}

/* Nibbles of 32 numbers x / d. */
static void pack_levels(const float *x, float d, uint8_t *q)
{
    uint8_t nibble[32];
    float inverse = d != 0.0f ? 1.0f / d : 0.0f;
#pragma omp simd
    for (int i = 0; i < 32; i++) {
        int32_t at = 0;
        for (int k = 0; k < 15; k++)
            at += inverse * x[i] >= between[k];
        nibble[i] = (uint8_t)at;
    }
    for (int i = 0; i < 16; i++)
        q[i] = (uint8_t)(nibble[i] | nibble[i + 16] << 4);
}

enum { TRIES = 16, TRY_VECS = TRIES / TR__VEC };

/* For each 1 / scale = inverse, the sums over 32 numbers of weight x level and of
 * weight level^2. */
static void project(const float *x, const float *weight, const float *inverse, float *sum_xl,
                    float *sum_l2)
{
    tr__vec xl[TRY_VECS] = { { 0 } }, l2[TRY_VECS] = { { 0 } };
    for (int i = 0; i < 32; i++)
        TR__EACH(v, TRY_VECS) {
            tr__vec level = nearest_level(tr__load(inverse + v * TR__VEC) * x[i]);
            tr__vec weighed = level * weight[i];
            xl[v] += weighed * x[i];
            l2[v] += weighed * level;
        }
    TR__EACH(v, TRY_VECS) {
        tr__store(sum_xl + v * TR__VEC, xl[v]);
        tr__store(sum_l2 + v * TR__VEC, l2[v]);
    }
}

/* The best scale for 32 numbers: the extreme one becomes -127 first, then -134 … -120.  What
 * levels a scale gives says which scale fits them best, and that is taken. */
static float search_scale(const float *x, const float *weight)
{
    float inverse[TRIES], xl[TRIES], l2[TRIES], extreme = tr__abs_max_signed(x, 32);
    if (fabsf(extreme) < 1e-15f)
        return 0.0f;
    inverse[0] = 1.0f / (-extreme / -127.0f);
    for (int k = 1; k < TRIES; k++)
        inverse[k] = (float)(k - 8 - 127) / extreme;
    project(x, weight, inverse, xl, l2);
    float d = l2[0] > 0.0f ? xl[0] / l2[0] : 0.0f, best = d * xl[0];
    for (int k = 1; k < TRIES; k++)
        if (l2[k] > 0.0f && xl[k] * xl[k] > best * l2[k]) {
            d = xl[k] / l2[k];
            best = d * xl[k];
        }
    return d;
}

/* Weights of n numbers. */
static void weigh(const float *x, const float *importance, int n, float *weight)
{
    if (importance)
        tr__weigh(x, importance, n, tr__sum_squares(x, n) * (2.0f / (float)n), weight);
    else
        for (int i = 0; i < n; i++)
            weight[i] = x[i] * x[i];
}

static void pack_iq4_nl(const float *x, const float *importance, void *dst, int64_t n)
{
    struct iq4_nl *b = dst;
    float weight[32];
    for (int64_t i = 0; i < n; i += 32, b++) {
        weigh(x + i, importance ? importance + i : NULL, 32, weight);
        float d = search_scale(x + i, weight);
        tr__store_f16(b->d, tr__checked(d, x + i, 32));
        pack_levels(x + i, d, b->q);
    }
}

/* The scale of the largest magnitude becomes -32. */
static void pack_iq4_xs(const float *x, const float *importance, void *dst, int64_t n)
{
    struct iq4_xs *b = dst;
    float weight[256], scale[8];
    for (int64_t i = 0; i < n; i += 256, b++, x += 256) {
        weigh(x, importance ? importance + i : NULL, 256, weight);
        for (int g = 0; g < 8; g++)
            scale[g] = search_scale(x + 32 * g, weight + 32 * g);
        float d = -tr__abs_max_signed(scale, 8) / 32.0f;
        float inverse = d != 0.0f ? 1.0f / d : 0.0f;
        memset(b, 0, sizeof *b);
        tr__store_f16(b->d, tr__checked(d, x, 256));
        for (int g = 0; g < 8; g++) {
            int s = tr__clamp(tr__nearest(inverse * scale[g]), -32, 31);
            b->low[g / 2] |= (uint8_t)(((s + 32) & 15) << 4 * (g % 2));
            b->high[g / 4] |= (uint8_t)((s + 32) >> 4 << 2 * (g % 4));
            pack_levels(x + 32 * g, d * (float)s, b->q + 16 * g);
        }
    }
}

TR__PACKERS(static, iq4_nl, iq4_nl)
TR__PACKERS(static, iq4_xs, iq4_xs)

TR__TYPE(iq4_nl, "IQ4_NL", 20, 25, 32, 0, .from_f32 = iq4_nl_from_f32,
         .from_f32_by = iq4_nl_from_f32_by, TR__WITH_INT8(iq4_nl))
TR__TYPE(iq4_xs, "IQ4_XS", 23, 30, 256, 0, .from_f32 = iq4_xs_from_f32,
         .from_f32_by = iq4_xs_from_f32_by, TR__WITH_INT8(iq4_xs))
