/* SPDX-License-Identifier: MIT
 *
 * All arrays here are (numbers of a group, groups): what lies side by side belongs to
 * different groups, and each loop over groups is a vector operation.  A group that would
 * have left a loop early goes on, and its result is not taken.
 */
#include <libtrain/quants/k_search.h>

#include <math.h>

static const float epsilon = 1e-15f; /* a group of smaller numbers is zero */

static inline void transpose(const float *x, int n, int G, float *out)
{
    for (int g = 0; g < G; g++)
        for (int i = 0; i < n; i++)
            out[i * G + g] = x[g * n + i];
}

static inline void transpose_levels(const float *level, int n, int G, int8_t *out)
{
    for (int i = 0; i < n; i++)
        for (int g = 0; g < G; g++)
            out[g * n + i] = (int8_t)level[i * G + g];
}

static inline float to_level(float x, float low, float high)
{
    return (float)tr__clamp(tr__nearest(x), (int32_t)low, (int32_t)high);
}

/* ==== with a minimum ==== */

static inline void weigh(const float *x, int n, int G, int absolute, float *w)
{
    float sum[16] = { 0 };
    for (int i = 0; i < n && !absolute; i++)
#pragma omp simd
        for (int g = 0; g < G; g++)
            sum[g] += x[i * G + g] * x[i * G + g];
    for (int g = 0; g < G; g++)
        sum[g] = sqrtf(sum[g] / (float)n);
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++)
            w[i * G + g] = sum[g] + fabsf(x[i * G + g]);
}

/* What the numbers of the groups say before any scale is tried. */
struct group {
    float low[16], high[16], sum_w[16], sum_x[16];
};

static inline void describe(const float *x, const float *w, int n, int G, struct group *s)
{
    for (int g = 0; g < G; g++) {
        s->low[g] = s->high[g] = x[g];
        s->sum_w[g] = w[g];
        s->sum_x[g] = w[g] * x[g];
    }
    for (int i = 1; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++) {
            float v = x[i * G + g];
            s->low[g] = v < s->low[g] ? v : s->low[g];
            s->high[g] = v > s->high[g] ? v : s->high[g];
            s->sum_w[g] += w[i * G + g];
            s->sum_x[g] += w[i * G + g] * v;
        }
    for (int g = 0; g < G; g++)
        s->low[g] = s->low[g] > 0.0f ? 0.0f : s->low[g];
}

static inline void errors(const float *x, const float *w, const float *level, int n, int G,
                          int absolute, const float *scale, const float *low, float *error)
{
    for (int g = 0; g < G; g++)
        error[g] = 0.0f;
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++) {
            float diff = scale[g] * level[i * G + g] + low[g] - x[i * G + g];
            error[g] += w[i * G + g] * (absolute ? fabsf(diff) : diff * diff);
        }
}

/* Levels for 1 / scale = inverse, and the scale and minimum that fit these levels best:
 * weighted least squares, minimum at most 0.  `good` where there is such a solution. */
static inline void fit(const float *x, const float *w, int n, int G, float top,
                       const struct group *s, const float *low, const float *inverse,
                       float *level, float *scale, float *min, int *good)
{
    float sum_l[16] = { 0 }, sum_l2[16] = { 0 }, sum_xl[16] = { 0 };
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++) {
            float v = x[i * G + g];
            float l = to_level(inverse[g] * (v - low[g]), 0.0f, top);
            float wl = w[i * G + g] * l;
            level[i * G + g] = l;
            sum_l[g] += wl;
            sum_l2[g] += wl * l;
            sum_xl[g] += wl * v;
        }
    for (int g = 0; g < G; g++) {
        float det = s->sum_w[g] * sum_l2[g] - sum_l[g] * sum_l[g];
        float a = (s->sum_w[g] * sum_xl[g] - s->sum_x[g] * sum_l[g]) / det;
        float b = (sum_l2[g] * s->sum_x[g] - sum_l[g] * sum_xl[g]) / det;
        good[g] = det > 0.0f;
        scale[g] = b > 0.0f ? sum_xl[g] / sum_l2[g] : a;
        min[g] = b > 0.0f ? 0.0f : b;
    }
}

/* The better of what is there and what was tried, group by group.  The range of the next
 * try starts from the new minimum. */
static inline void keep_better(int n, int G, const float *error, const float *scale,
                               const float *min, const float *level, int *good,
                               float *best, float *best_scale, float *low,
                               float *best_level)
{
    for (int g = 0; g < G; g++) {
        good[g] = good[g] && error[g] < best[g];
        best[g] = good[g] ? error[g] : best[g];
        best_scale[g] = good[g] ? scale[g] : best_scale[g];
        low[g] = good[g] ? min[g] : low[g];
    }
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++)
            best_level[i * G + g] = good[g] ? level[i * G + g] : best_level[i * G + g];
}

static inline void search_min(const float *numbers, const float *weight, int n, int G,
                              const struct tr__k_search *how, float *scale, float *min,
                              int8_t *level)
{
    float x[256], w[256], l[256], best_level[256];
    float inverse[16], low[16], best[16], try_scale[16], try_min[16], error[16];
    int good[16];
    struct group s;
    transpose(numbers, n, G, x);
    if (weight)
        transpose(weight, n, G, w);
    else
        weigh(x, n, G, how->absolute, w);
    describe(x, w, n, G, &s);
    for (int g = 0; g < G; g++) {
        low[g] = s.low[g];
        inverse[g] = how->top / (s.high[g] - low[g]);
        scale[g] = 1.0f / inverse[g];
    }
    fit(x, w, n, G, how->top, &s, low, inverse, best_level, try_scale, try_min, good);
    errors(x, w, best_level, n, G, how->absolute, scale, low, best);
    for (int k = 0; k < how->n_try; k++) {
        for (int g = 0; g < G; g++)
            inverse[g] = (how->first + how->step * (float)k + how->top) / (s.high[g] - low[g]);
        fit(x, w, n, G, how->top, &s, low, inverse, l, try_scale, try_min, good);
        errors(x, w, l, n, G, how->absolute, try_scale, try_min, error);
        keep_better(n, G, error, try_scale, try_min, l, good, best, scale, low, best_level);
    }
    transpose_levels(best_level, n, G, level);
    for (int g = 0; g < G; g++) {
        int flat = s.high[g] == s.low[g];
        min[g] = -(flat ? s.low[g] : low[g]);
        scale[g] = flat ? 0.0f : scale[g];
        for (int i = 0; i < n && flat; i++)
            level[g * n + i] = 0;
    }
}

void tr__k_search_min(const float *x, const float *weight, int n_group,
                      const struct tr__k_search *how, float *scale, float *min,
                      int8_t *level)
{
    if (n_group == 16)
        search_min(x, weight, 16, 16, how, scale, min, level);
    else
        search_min(x, weight, 32, 8, how, scale, min, level);
}

/* ==== without a minimum ==== */

static inline void squares(const float *x, float *w)
{
    for (int i = 0; i < 256; i++)
        w[i] = x[i] * x[i];
}

/* The number of the largest magnitude in each group, the first of equals. */
static inline void extremes(const float *x, int n, int G, float *extreme, float *magnitude)
{
    for (int g = 0; g < G; g++)
        extreme[g] = magnitude[g] = 0.0f;
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++) {
            float v = x[i * G + g];
            int larger = fabsf(v) > magnitude[g];
            extreme[g] = larger ? v : extreme[g];
            magnitude[g] = larger ? fabsf(v) : magnitude[g];
        }
}

/* Levels in [-half, half), and the sums whose quotient is the best scale for them. */
static inline void project(const float *x, const float *w, int n, int G, float half,
                           const float *inverse, float *level, float *sum_lx, float *sum_l2)
{
    for (int g = 0; g < G; g++)
        sum_lx[g] = sum_l2[g] = 0.0f;
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int g = 0; g < G; g++) {
            float v = x[i * G + g];
            float l = to_level(inverse[g] * v, -half, half - 1.0f);
            level[i * G + g] = l;
            sum_lx[g] += w[i * G + g] * v * l;
            sum_l2[g] += w[i * G + g] * l * l;
        }
}

/* Levels from 0 instead of from -half; a group of nothing has scale and levels 0. */
static inline void finish(const float *magnitude, int n, int G, float half, float *level,
                          float *scale, int8_t *out)
{
    for (int g = 0; g < G; g++) {
        int zero = magnitude[g] < epsilon;
        scale[g] = zero ? 0.0f : scale[g];
        for (int i = 0; i < n; i++)
            level[i * G + g] = zero ? 0.0f : level[i * G + g] + half;
    }
    transpose_levels(level, n, G, out);
}

static inline void search_scale(const float *numbers, const float *weight, int n, int G,
                                float half, float *scale, int8_t *out)
{
    float x[256], w[256], level[256], best_level[256];
    float extreme[16], magnitude[16], inverse[16], lx[16], l2[16], best[16];
    transpose(numbers, n, G, x);
    if (weight)
        transpose(weight, n, G, w);
    else
        squares(x, w);
    extremes(x, n, G, extreme, magnitude);
    for (int g = 0; g < G; g++)
        inverse[g] = -half / extreme[g];
    project(x, w, n, G, half, inverse, best_level, lx, l2);
    for (int g = 0; g < G; g++) {
        scale[g] = l2[g] != 0.0f ? lx[g] / l2[g] : 0.0f;
        best[g] = scale[g] * lx[g];
    }
    for (int k = -9; k <= 9; k++) {
        int good[16];
        if (k == 0)
            continue;
        for (int g = 0; g < G; g++)
            inverse[g] = -(half + 0.1f * (float)k) / extreme[g];
        project(x, w, n, G, half, inverse, level, lx, l2);
        for (int g = 0; g < G; g++) {
            good[g] = l2[g] > 0.0f && lx[g] * lx[g] > best[g] * l2[g];
            scale[g] = good[g] ? lx[g] / l2[g] : scale[g];
            best[g] = good[g] ? scale[g] * lx[g] : best[g];
        }
        for (int i = 0; i < n; i++)
#pragma omp simd
            for (int g = 0; g < G; g++)
                best_level[i * G + g] = good[g] ? level[i * G + g] : best_level[i * G + g];
    }
    finish(magnitude, n, G, half, best_level, scale, out);
}

void tr__k_search_scale(const float *x, const float *weight, int n_group, float half,
                        float *scale, int8_t *level)
{
    if (n_group == 16)
        search_scale(x, weight, 16, 16, half, scale, level);
    else
        search_scale(x, weight, 32, 8, half, scale, level);
}

enum { G = 16, N = 16 };

/* Give number i of every group the level that is best if the others stay. */
static void move_level(const float *x, float half, float *level, float *sum_lx,
                       float *sum_l2)
{
#pragma omp simd
    for (int g = 0; g < G; g++) {
        float v = x[g], w = v * v, old = level[g];
        float lx = sum_lx[g] - w * v * old;
        float l2 = sum_l2[g] - w * old * old;
        float l = to_level(v * l2 / lx, -half, half - 1.0f);
        float new_lx = lx + w * v * l;
        float new_l2 = l2 + w * l * l;
        int better = (lx > 0.0f) & (l != old) & (new_l2 > 0.0f) &
                     (new_lx * new_lx * sum_l2[g] > sum_lx[g] * sum_lx[g] * new_l2);
        level[g] = better ? l : old;
        sum_lx[g] = better ? new_lx : sum_lx[g];
        sum_l2[g] = better ? new_l2 : sum_l2[g];
    }
}

/* Five rounds; a round in which nothing moved would only be repeated. */
void tr__k_search_levels(const float *numbers, float half, float *scale, int8_t *out)
{
    float x[256], w[256], level[256];
    float extreme[G], magnitude[G], inverse[G], lx[G], l2[G];
    transpose(numbers, N, G, x);
    squares(x, w);
    extremes(x, N, G, extreme, magnitude);
    for (int g = 0; g < G; g++)
        inverse[g] = -half / extreme[g];
    project(x, w, N, G, half, inverse, level, lx, l2);
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < N; i++)
            move_level(x + i * G, half, level + i * G, lx, l2);
    for (int g = 0; g < G; g++)
        scale[g] = l2[g] > 0.0f ? lx[g] / l2[g] : 0.0f;
    finish(magnitude, N, G, half, level, scale, out);
}
