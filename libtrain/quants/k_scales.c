/* SPDX-License-Identifier: MIT
 *
 * The scales of the groups of a super-block as small integers under one scale, where groups
 * matter unequally.  They are few, so what lies side by side here are the scales that are
 * tried for all of them.  The choices are llama.cpp's to the bit, even where rounding makes
 * a number negative: its level is one byte then.
 */
#include <libtrain/quants/k_search.h>

enum { TRIES = 16 }; /* nine and copies of the first, to fill vectors */

/* The sum of weighted squared errors for each inverse of a scale.  Of the first, levels are
 * kept in a byte. */
static void errors(const float *x, const float *weight, int n, int top, const float *inverse,
                   float *error)
{
    float scale[TRIES];
    int32_t bits[TRIES];
    for (int k = 0; k < TRIES; k++) {
        bits[k] = k == 0 ? 0xff : -1;
        scale[k] = 1.0f / inverse[k];
        error[k] = 0.0f;
    }
    for (int i = 0; i < n; i++)
#pragma omp simd
        for (int k = 0; k < TRIES; k++) {
            int32_t level = tr__nearest(inverse[k] * x[i]);
            level = (level < top ? level : top) & bits[k];
            float diff = x[i] - scale[k] * (float)level;
            error[k] += weight[i] * diff * diff;
        }
}

/* The largest number at top, then at top - 0.4 … top + 0.4. */
static float best_inverse(const float *x, const float *weight, int n, int top, float max)
{
    float inverse[TRIES], error[TRIES];
    int best = 0;
    for (int k = 0; k < TRIES; k++)
        inverse[k] = (float)top / max;
    for (int k = 1; k < 9; k++)
        inverse[k] = (0.1f * (float)(k < 5 ? k - 5 : k - 4) + (float)top) / max;
    errors(x, weight, n, top, inverse, error);
    for (int k = 1; k < 9; k++)
        best = error[k] < error[best] ? k : best;
    return inverse[best];
}

/* The sums whose quotient is the best scale for some levels. */
struct sums {
    float lx, l2;
};

static inline struct sums plus(struct sums s, float x, float weight, int level)
{
    return (struct sums){ s.lx + weight * x * (float)level,
                          s.l2 + weight * (float)level * (float)level };
}

static inline struct sums minus(struct sums s, float x, float weight, int level)
{
    return (struct sums){ s.lx - weight * x * (float)level,
                          s.l2 - weight * (float)level * (float)level };
}

/* Give one number the level that is best if the others stay; 1 if that is another one. */
static int move_level(float x, float weight, int top, uint8_t *level, struct sums *all)
{
    struct sums others = minus(*all, x, weight, *level);
    if (!(others.lx > 0.0f && others.l2 > 0.0f))
        return 0;
    int to = tr__nearest(x * others.l2 / others.lx);
    to = to < top ? to : top;
    struct sums moved = plus(others, x, weight, to);
    if (to == *level || !(moved.lx * moved.lx * all->l2 > all->lx * all->lx * moved.l2))
        return 0;
    *level = (uint8_t)to;
    *all = moved;
    return 1;
}

float tr__k_search_top(const float *x, const float *weight, int n, int top, uint8_t *level)
{
    float max = 0.0f;
    struct sums all = { 0 };
    for (int i = 0; i < n; i++) {
        max = x[i] > max ? x[i] : max;
        level[i] = 0;
    }
    if (max < 1e-15f)
        return 0.0f;
    float inverse = best_inverse(x, weight, n, top, max);
    for (int i = 0; i < n; i++) {
        int to = tr__nearest(inverse * x[i]);
        to = to < top ? to : top;
        level[i] = (uint8_t)to;
        all = plus(all, x[i], weight[i], to);
    }
    for (int round = 0, moved = 1; round < 5 && moved; round++) {
        moved = 0;
        for (int i = 0; i < n; i++)
            moved |= move_level(x[i], weight[i], top, level + i, &all);
    }
    return all.l2 > 0.0f ? all.lx / all.l2 : 0.0f;
}
