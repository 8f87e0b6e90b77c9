/* SPDX-License-Identifier: MIT
 *
 * Packing of K-quants: find scales and levels of the groups (k_search.c), round the scales
 * to the few bits that they get, and round the numbers again with what the scales became.
 * A group whose scale rounded to zero keeps the levels of the search.
 *
 * With the importance of columns (NULL: without) the searches try more, and the scales
 * themselves are rounded so that groups of more weight lose less (k_scales.c).
 */
#include <libtrain/quants/k_blocks.h>
#include <libtrain/quants/k_search.h>
#include <libtrain/quants/range.h>
#include <libtrain/quants/row.h>

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

/* ==== with minima ==== */

/* What an error in each of 256 numbers weighs, from the importance of their columns, and the
 * sum of that for each group.  times: what their mean square counts. */
static void weigh(const float *x, const float *importance, float times, int n_group,
                  float *weight, float *sum)
{
    int n = 256 / n_group;
    tr__weigh(x, importance, 256, times * tr__sum_squares(x, 256) / 256.0f, weight);
    for (int g = 0; g < n_group; g++) {
        sum[g] = 0.0f;
        for (int i = 0; i < n; i++)
            sum[g] += weight[n * g + i];
    }
}

/* Numbers that are not negative as levels from 0 to top of the scale that is returned.
 * weight NULL: the largest is at the top. */
static float to_levels(const float *v, const float *weight, int n, int top, uint8_t *level)
{
    if (weight)
        return tr__k_search_top(v, weight, n, top, level);
    float max = largest(v, n), inverse = max > 0.0f ? (float)top / max : 0.0f;
    for (int g = 0; g < n; g++) {
        int32_t to = tr__nearest(inverse * v[g]);
        level[g] = (uint8_t)(to < top ? to : top);
    }
    return max / (float)top;
}

/* A super-block x = d s q - min t: s and t of the groups, and all q. */
struct with_min {
    float d, min;
    uint8_t s[16], t[16];
    int8_t level[256];
};

/* A number that the search would not notice makes d NaN. */
static void find_min(const float *x, const float *importance, float times, int n_group,
                     int top, const struct tr__k_search *plain, struct with_min *f)
{
    const struct tr__k_search weighed = { plain->top, -0.9f, 0.05f, 37, 0 };
    float weight[256], sums[16], scale[16], min[16], *sum = importance ? sums : NULL;
    if (importance) {
        weigh(x, importance, times, n_group, weight, sum);
        tr__k_search_min(x, weight, n_group, &weighed, scale, min, f->level);
    } else {
        tr__k_search_min(x, NULL, n_group, plain, scale, min, f->level);
    }
    f->d = to_levels(scale, sum, n_group, top, f->s);
    f->min = to_levels(min, sum, n_group, top, f->t);
    if (importance || !(tr__abs_max(x, 256) < INFINITY))
        f->d = tr__checked(f->d, x, 256);
}

static void pack_q2_k(const float *x, const float *importance, void *dst, int64_t n)
{
    static const struct tr__k_search plain = { 3.0f, -0.5f, 0.1f, 16, 1 };
    struct q2_k *b = dst;
    struct with_min f;
    for (int64_t i = 0; i < n; i += 256, b++, x += 256) {
        find_min(x, importance ? importance + i : NULL, 1.0f, 16, 15, &plain, &f);
        tr__store_f16(b->d, f.d);
        tr__store_f16(b->min, f.min);
        float d = tr__load_f16(b->d), min = tr__load_f16(b->min);
        for (int g = 0; g < 16; g++) {
            uint8_t s = (uint8_t)(f.s[g] | f.t[g] << 4);
            b->scale[g] = s;
            relevel(x + 16 * g, 16, d * (float)(s & 15), min * (float)(s >> 4), 0, 3,
                    f.level + 16 * g);
        }
        pack_two_bits(f.level, b->q);
        pack_two_bits(f.level + 128, b->q + 32);
    }
}

/* Opposite of packed_scales in k_quants.c.  A scale that rounding made negative is a byte
 * above 63, which spills over into another one: what comes of them is put back. */
static void pack_scales(uint8_t *s, uint8_t *t, uint8_t *packed)
{
    for (int g = 0; g < 4; g++) {
        packed[g] = (uint8_t)(s[g] | s[g + 4] >> 4 << 6);
        packed[g + 4] = (uint8_t)(t[g] | t[g + 4] >> 4 << 6);
        packed[g + 8] = (uint8_t)((s[g + 4] & 15) | t[g + 4] << 4);
        s[g] = packed[g] & 63;
        t[g] = packed[g + 4] & 63;
        s[g + 4] = (uint8_t)((s[g + 4] & 15) | packed[g] >> 6 << 4);
        t[g + 4] = (uint8_t)((t[g + 4] & 15) | packed[g + 4] >> 6 << 4);
    }
}

/* Scales and minima of Q4_K and Q5_K; then the levels. */
static void pack_4_5(const float *x, struct with_min *f, int top, uint8_t *d16,
                     uint8_t *min16, uint8_t *scales)
{
    tr__store_f16(d16, f->d);
    tr__store_f16(min16, f->min);
    pack_scales(f->s, f->t, scales);
    float d = tr__load_f16(d16), min = tr__load_f16(min16);
    for (int g = 0; g < 8; g++)
        relevel(x + 32 * g, 32, d * (float)f->s[g], min * (float)f->t[g], 0, top,
                f->level + 32 * g);
}

static void pack_q4_k(const float *x, const float *importance, void *dst, int64_t n)
{
    static const struct tr__k_search plain = { 15.0f, -1.0f, 0.1f, 21, 0 };
    struct q4_k *b = dst;
    struct with_min f;
    for (int64_t i = 0; i < n; i += 256, b++, x += 256) {
        find_min(x, importance ? importance + i : NULL, 2.0f, 8, 63, &plain, &f);
        pack_4_5(x, &f, 15, b->d, b->min, b->scale);
        pack_four_bits(f.level, b->q);
    }
}

/* Here llama.cpp does cut scales to six bits. */
static void pack_q5_k(const float *x, const float *importance, void *dst, int64_t n)
{
    static const struct tr__k_search plain = { 31.0f, -0.5f, 0.1f, 16, 0 };
    struct q5_k *b = dst;
    struct with_min f;
    for (int64_t i = 0; i < n; i += 256, b++, x += 256) {
        find_min(x, importance ? importance + i : NULL, 2.0f, 8, 63, &plain, &f);
        for (int g = 0; g < 8; g++)
            f.s[g] = f.s[g] < 63 ? f.s[g] : 63;
        pack_4_5(x, &f, 31, b->d, b->min, b->scale);
        pack_four_bits(f.level, b->q);
        pack_one_bit(f.level, 4, b->high);
    }
}

/* ==== without minima ==== */

/* The largest scale is at -32.  s: 32 is added; 0 where there is nothing. */
static float find_q3_k(const float *x, int8_t *level, int8_t *s)
{
    float scale[16];
    tr__k_search_levels(x, 4.0f, scale, level);
    float max = extreme(scale, 16), inverse = max != 0.0f ? -32.0f / max : 0.0f;
    for (int g = 0; g < 16; g++) {
        int to = tr__clamp((int8_t)tr__nearest(inverse * scale[g]), -32, 31);
        s[g] = (int8_t)(max != 0.0f ? to + 32 : 0);
    }
    return max != 0.0f ? 1.0f / inverse : 0.0f;
}

/* Scales are searched as numbers are: they are the first of sixteen groups. */
static float find_q3_k_by(const float *x, const float *importance, int8_t *level, int8_t *s)
{
    float weight[256], scales[256] = { 0 }, sums[256] = { 0 }, d[16];
    int8_t all[256];
    weigh(x, importance, 2.0f, 16, weight, sums);
    tr__k_search_scale(x, weight, 16, 4.0f, scales, level);
    tr__k_search_scale(scales, sums, 16, 32.0f, d, all);
    memcpy(s, all, 16);
    return d[0];
}

static void pack_q3_k(const float *x, const float *importance, void *dst, int64_t n)
{
    struct q3_k *b = dst;
    int8_t level[256], s[16];
    for (int64_t i = 0; i < n; i += 256, b++, x += 256) {
        float d = importance ? find_q3_k_by(x, importance + i, level, s)
                             : find_q3_k(x, level, s);
        tr__store_f16(b->d, tr__checked(d, x, 256));
        d = tr__load_f16(b->d);
        memset(b->scale, 0, sizeof b->scale);
        for (int g = 0; g < 16; g++) {
            b->scale[g % 8] |= (uint8_t)((s[g] & 15) << 4 * (g / 8));
            b->scale[8 + g % 4] |= (uint8_t)(s[g] >> 4 << 2 * (g / 4));
            relevel(x + 16 * g, 16, d * (float)(s[g] - 32), 0.0f, -4, 3, level + 16 * g);
        }
        pack_two_bits(level, b->q);
        pack_two_bits(level + 128, b->q + 32);
        pack_one_bit(level, 2, b->high);
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

static void pack_q6_k(const float *x, const float *importance, void *dst, int64_t n)
{
    struct q6_k *b = dst;
    float scale[16];
    int8_t level[256];
    for (int64_t i = 0; i < n; i += 256, b++, x += 256) {
        tr__k_search_scale(x, importance ? importance + i : NULL, 16, 32.0f, scale, level);
        float max = extreme(scale, 16), inverse = -128.0f / max;
        if (fabsf(max) < 1e-15f) {
            memset(b, 0, sizeof *b);
            tr__store_f16(b->d, tr__checked(0.0f, x, 256));
            continue;
        }
        tr__store_f16(b->d, tr__checked(1.0f / inverse, x, 256));
        float d = tr__load_f16(b->d);
        for (int g = 0; g < 16; g++) {
            int s = tr__nearest(inverse * scale[g]);
            b->scale[g] = (int8_t)(s < 127 ? s : 127);
            relevel(x + 16 * g, 16, d * (float)b->scale[g], 0.0f, -32, 31,
                    level + 16 * g);
        }
        pack_six_bits(level, b->q, b->high);
        pack_six_bits(level + 128, b->q + 64, b->high + 32);
    }
}

TR__PACKERS(, tr__q2_k, q2_k)
TR__PACKERS(, tr__q3_k, q3_k)
TR__PACKERS(, tr__q4_k, q4_k)
TR__PACKERS(, tr__q5_k, q5_k)
TR__PACKERS(, tr__q6_k, q6_k)
