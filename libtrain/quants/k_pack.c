/* SPDX-License-Identifier: MIT
 *
 * Packing of K-quants: find scales and levels of the groups (k_search.c), round the scales
 * to the few bits that they get, and round the numbers again with what the scales became.
 * A group whose scale rounded to zero keeps the levels of the search.
 */
#include <libtrain/quants/k_blocks.h>
#include <libtrain/quants/k_search.h>

#include <math.h>
#include <string.h>

/* level = (x + m) / d for a group of n, in [low, high], counted from low. */
static void relevel(const float *x, int n, float d, float m, int low, int high,
                    int8_t *level)
{
    if (d == 0.0f)
        return;
#pragma omp simd
    for (int i = 0; i < n; i++)
        level[i] = (int8_t)(tr__clamp(tr__nearest((x[i] + m) / d), low, high) - low);
}

/* The scale to store: d, or NaN if the numbers hold one or a magnitude from `limit` up,
 * which the search would not notice. */
static float checked(float d, const float *x, float limit)
{
    int good = 1;
    for (int i = 0; i < 256; i++)
        good &= fabsf(x[i]) < limit;
    return good ? d : NAN;
}

/* Weights of x^2 overflow long after F16 scales do. */
static const float square_limit = 0x1p40f;

static float largest(const float *v, int n)
{
    float max = 0.0f;
    for (int i = 0; i < n; i++)
        max = v[i] > max ? v[i] : max;
    return max;
}

/* The first of the largest magnitude. */
static float extreme(const float *v, int n)
{
    float max = 0.0f;
    for (int i = 0; i < n; i++)
        max = fabsf(v[i]) > fabsf(max) ? v[i] : max;
    return max;
}

/* Opposite of two_bits in k_quants.c; only the low two bits of a level are taken. */
static void pack_two_bits(const int8_t *level, uint8_t *q)
{
    for (int l = 0; l < 32; l++)
        q[l] = (uint8_t)((level[l] & 3) | (level[l + 32] & 3) << 2 |
                         (level[l + 64] & 3) << 4 | (level[l + 96] & 3) << 6);
}

static void pack_four_bits(const int8_t *level, uint8_t *q)
{
    for (int k = 0; k < 4; k++)
        for (int l = 0; l < 32; l++)
            q[32 * k + l] =
                (uint8_t)((level[64 * k + l] & 15) | (level[64 * k + l + 32] & 15) << 4);
}

/* Bit `bit` of level 32 k + l goes to bit k of byte l. */
static void pack_one_bit(const int8_t *level, int bit, uint8_t *high)
{
    memset(high, 0, 32);
    for (int k = 0; k < 8; k++)
        for (int l = 0; l < 32; l++)
            high[l] |= (uint8_t)((level[32 * k + l] >> bit & 1) << k);
}

void tr__q2_k_from_f32(const float *src, void *dst, int64_t n)
{
    static const struct tr__k_search how = { 3.0f, -0.5f, 16, 1 };
    struct q2_k *b = dst;
    float scale[16], min[16];
    int8_t level[256];
    for (int64_t i = 0; i < n / 256; i++, b++, src += 256) {
        tr__k_search_min(src, 16, &how, scale, min, level);
        float d = largest(scale, 16), m = largest(min, 16);
        float inv_d = d > 0.0f ? 15.0f / d : 0.0f, inv_m = m > 0.0f ? 15.0f / m : 0.0f;
        tr__store_f16(b->d, checked(d / 15.0f, src, INFINITY));
        tr__store_f16(b->min, m / 15.0f);
        d = tr__load_f16(b->d);
        m = tr__load_f16(b->min);
        for (int g = 0; g < 16; g++) {
            uint8_t s = (uint8_t)((uint32_t)tr__nearest(inv_d * scale[g]) |
                                  (uint32_t)tr__nearest(inv_m * min[g]) << 4);
            b->scale[g] = s;
            relevel(src + 16 * g, 16, d * (float)(s & 15), m * (float)(s >> 4), 0, 3,
                    level + 16 * g);
        }
        pack_two_bits(level, b->q);
        pack_two_bits(level + 128, b->q + 32);
    }
}

void tr__q3_k_from_f32(const float *src, void *dst, int64_t n)
{
    struct q3_k *b = dst;
    float scale[16];
    int8_t level[256];
    for (int64_t i = 0; i < n / 256; i++, b++, src += 256) {
        tr__k_search_levels(src, 4.0f, scale, level);
        float max = extreme(scale, 16), inverse = max != 0.0f ? -32.0f / max : 0.0f;
        float d = max != 0.0f ? 1.0f / inverse : 0.0f;
        tr__store_f16(b->d, checked(d, src, square_limit));
        d = tr__load_f16(b->d);
        memset(b->scale, 0, sizeof b->scale);
        for (int g = 0; g < 16 && max != 0.0f; g++) {
            int s = tr__clamp((int8_t)tr__nearest(inverse * scale[g]), -32, 31);
            b->scale[g % 8] |= (uint8_t)((s & 15) << 4 * (g / 8));
            b->scale[8 + g % 4] |= (uint8_t)((s + 32) >> 4 << 2 * (g / 4));
            relevel(src + 16 * g, 16, d * (float)s, 0.0f, -4, 3, level + 16 * g);
        }
        pack_two_bits(level, b->q);
        pack_two_bits(level + 128, b->q + 32);
        pack_one_bit(level, 2, b->high);
    }
}

/* Scales and minima of Q4_K and Q5_K; then the levels. */
static void pack_4_5(const float *x, const struct tr__k_search *how, uint8_t *d16,
                     uint8_t *min16, uint8_t *s, int8_t *level)
{
    float scale[8], min[8];
    tr__k_search_min(x, 8, how, scale, min, level);
    float d = largest(scale, 8), m = largest(min, 8);
    float inv_d = d > 0.0f ? 63.0f / d : 0.0f, inv_m = m > 0.0f ? 63.0f / m : 0.0f;
    tr__store_f16(d16, checked(d / 63.0f, x, INFINITY));
    tr__store_f16(min16, m / 63.0f);
    d = tr__load_f16(d16);
    m = tr__load_f16(min16);
    for (int g = 0; g < 8; g++) {
        uint8_t a = (uint8_t)tr__nearest(inv_d * scale[g]);
        uint8_t c = (uint8_t)tr__nearest(inv_m * min[g]);
        a = a < 63 ? a : 63;
        c = c < 63 ? c : 63;
        if (g < 4) {
            s[g] = a;
            s[g + 4] = c;
        } else {
            s[g + 4] = (uint8_t)((a & 15) | c << 4);
            s[g - 4] |= (uint8_t)(a >> 4 << 6);
            s[g] |= (uint8_t)(c >> 4 << 6);
        }
        relevel(x + 32 * g, 32, d * (float)a, m * (float)c, 0, (int)how->top,
                level + 32 * g);
    }
}

void tr__q4_k_from_f32(const float *src, void *dst, int64_t n)
{
    static const struct tr__k_search how = { 15.0f, -1.0f, 21, 0 };
    struct q4_k *b = dst;
    int8_t level[256];
    for (int64_t i = 0; i < n / 256; i++, b++, src += 256) {
        pack_4_5(src, &how, b->d, b->min, b->scale, level);
        pack_four_bits(level, b->q);
    }
}

void tr__q5_k_from_f32(const float *src, void *dst, int64_t n)
{
    static const struct tr__k_search how = { 31.0f, -0.5f, 16, 0 };
    struct q5_k *b = dst;
    int8_t level[256];
    for (int64_t i = 0; i < n / 256; i++, b++, src += 256) {
        pack_4_5(src, &how, b->d, b->min, b->scale, level);
        pack_four_bits(level, b->q);
        pack_one_bit(level, 4, b->high);
    }
}

/* Opposite of six_bits in k_quants.c. */
static void pack_six_bits(const int8_t *level, uint8_t *q, uint8_t *high)
{
    for (int l = 0; l < 64; l++)
        q[l] = (uint8_t)((level[l] & 15) | (level[l + 64] & 15) << 4);
    for (int l = 0; l < 32; l++)
        high[l] = (uint8_t)(level[l] >> 4 | level[l + 32] >> 4 << 2 |
                            level[l + 64] >> 4 << 4 | level[l + 96] >> 4 << 6);
}

void tr__q6_k_from_f32(const float *src, void *dst, int64_t n)
{
    struct q6_k *b = dst;
    float scale[16];
    int8_t level[256];
    for (int64_t i = 0; i < n / 256; i++, b++, src += 256) {
        tr__k_search_scale(src, 32.0f, scale, level);
        float max = extreme(scale, 16), inverse = -128.0f / max;
        if (fabsf(max) < 1e-15f) {
            memset(b, 0, sizeof *b);
            tr__store_f16(b->d, checked(0.0f, src, square_limit));
            continue;
        }
        tr__store_f16(b->d, checked(1.0f / inverse, src, square_limit));
        float d = tr__load_f16(b->d);
        for (int g = 0; g < 16; g++) {
            int s = tr__nearest(inverse * scale[g]);
            b->scale[g] = (int8_t)(s < 127 ? s : 127);
            relevel(src + 16 * g, 16, d * (float)b->scale[g], 0.0f, -32, 31,
                    level + 16 * g);
        }
        pack_six_bits(level, b->q, b->high);
        pack_six_bits(level + 128, b->q + 64, b->high + 32);
    }
}
