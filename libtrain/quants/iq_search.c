/* SPDX-License-Identifier: MIT
 *
 * The scales that are tried lie side by side: arrays are (numbers, tries) or (points, tries),
 * and each loop over tries is a vector operation.  Sums go over the numbers in their order,
 * as the bits of llama.cpp want it, and that is slow only for one try at a time.
 */
#include <libtrain/quants/iq_search.h>
#include <libtrain/quants/k_search.h>
#include <libtrain/quants/range.h>

#include <math.h>
#include <string.h>

enum { MAX_TRIES = 32, MAX_POINTS = 8 };

/* A group of 16 or 32 numbers, whose signs are taken off. */
struct group {
    float x[32], w[32], wx[32];
    float root[32]; /* of w: what weighs when a point is chosen */
    float wide_x[MAX_POINTS * 32], wide_root[MAX_POINTS * 32]; /* for tr__near_costs */
};

/* Scales that are tried; of a point, its levels as the grid has them. */
struct tries {
    int n;
    float inverse[MAX_TRIES], scale[MAX_TRIES];
    float qx[MAX_TRIES], qq[MAX_TRIES]; /* sums of w q x and w q q */
    uint32_t rounded[MAX_POINTS][MAX_TRIES];
    uint32_t point[MAX_POINTS][MAX_TRIES];
};

struct best {
    float scale;
    uint32_t point[MAX_POINTS];
    uint32_t beside; /* bit k: point k was not on the grid */
};

/* ==== a group ==== */

void tr__iq_weigh(const float *x, const float *weight, int n, float mean, float plain,
                  float *w)
{
    if (weight)
        tr__weigh(x, weight, n, mean, w);
    else
#pragma omp simd
        for (int i = 0; i < n; i++)
            w[i] = plain + x[i] * x[i];
}

/* The number of eight that is least missed. */
static int cheapest(const float *x, const float *w)
{
    int at = 0;
    for (int i = 1; i < 8; i++)
        if (w[i] * x[i] * x[i] < w[at] * x[at] * x[at])
            at = i;
    return at;
}

/* Signs of eight numbers; what is left may be below 0 where an odd one was made even. */
static uint8_t take_signs(float *x, const float *w, int even)
{
    uint32_t signs = 0;
    for (int i = 0; i < 8; i++)
        signs |= (uint32_t)!(x[i] >= 0) << i;
    for (int i = 0; i < 8; i++)
        x[i] = signs >> i & 1 ? -x[i] : x[i];
    if (even && __builtin_parity(signs)) {
        int i = cheapest(x, w);
        x[i] = -x[i];
        signs ^= 1u << i;
    }
    return (uint8_t)signs;
}

static float largest(const float *x, int n)
{
    float max = x[0];
    for (int i = 1; i < n; i++)
        max = max > x[i] ? max : x[i];
    return max;
}

TR__INLINE void widen(struct group *g, const int bits, const int n)
{
    const int levels = bits == 2 ? 4 : 8;
    for (int i = 0; i < n; i++)
        for (int l = 0; l < levels; l++) {
            g->wide_x[levels * i + l] = g->x[i];
            g->wide_root[levels * i + l] = g->root[i];
        }
}

/* ==== tries ==== */

/* Round every number, each by itself. */
TR__INLINE void round_all(const struct group *g, const int bits, const int n,
                          const int n_lane, struct tries *t)
{
    const int numbers = bits == 2 ? 8 : 4, top = bits == 2 ? 2 : 7;
    for (int k = 0; k < n / numbers; k++)
#pragma omp simd
        for (int i = 0; i < n_lane; i++) {
            uint32_t u = 0;
            TR__EACH(j, numbers) {
                float q = 0.5f * (t->inverse[i] * g->x[numbers * k + j] - 1.0f);
                u |= (uint32_t)tr__clamp(tr__nearest(q), 0, top) << bits * j;
            }
            t->rounded[k][i] = u;
        }
}

/* 1, 3, 5, … for every level of every number of a point, as tr__near_costs wants them. */
static const float odd[2][32] = {
    { 1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 7,
      1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 7 },
    { 1, 3, 5, 7, 9, 11, 13, 15, 1, 3, 5, 7, 9, 11, 13, 15,
      1, 3, 5, 7, 9, 11, 13, 15, 1, 3, 5, 7, 9, 11, 13, 15 },
};

TR__INLINE void to_grid(const struct group *g, const struct tr__near *near, const int bits,
                        const int n, struct tries *t)
{
    for (int k = 0; k < n / (bits == 2 ? 8 : 4); k++)
        for (int i = 0; i < t->n; i++) {
            uint32_t u = t->rounded[k][i];
            if (near->first[u] != near->first[u + 1]) {
                float cost[32];
                tr__near_costs(g->wide_x + 32 * k, g->wide_root + 32 * k, odd[bits - 2],
                               t->scale[i], cost);
                u = tr__near_best(near, bits, u, cost);
            }
            t->point[k][i] = u;
        }
}

TR__INLINE void sum_up(const struct group *g, const int bits, const int n, const int n_lane,
                       struct tries *t)
{
    const int numbers = bits == 2 ? 8 : 4, mask = (1 << bits) - 1;
    memset(t->qx, 0, sizeof t->qx);
    memset(t->qq, 0, sizeof t->qq);
    for (int k = 0; k < n; k++)
#pragma omp simd
        for (int i = 0; i < n_lane; i++) {
            uint32_t point = t->point[k / numbers][i];
            float q = (float)(int)(2 * (point >> k % numbers * bits & (uint32_t)mask) + 1);
            t->qx[i] += g->wx[k] * q;
            t->qq[i] += g->w[k] * q * q;
        }
}

/* ==== the best of them ==== */

static void keep(const struct tries *t, int i, int n_point, struct best *best)
{
    best->scale = t->qx[i] / t->qq[i];
    best->beside = 0;
    for (int k = 0; k < n_point; k++) {
        best->point[k] = t->point[k][i];
        best->beside |= (uint32_t)(t->point[k][i] != t->rounded[k][i]) << k;
    }
}

static void choose(const struct tries *t, int n_point, struct best *best)
{
    float most = 0;
    for (int i = 0; i < t->n; i++)
        if (t->qq[i] > 0 && t->qx[i] * t->qx[i] > most * t->qq[i]) {
            keep(t, i, n_point, best);
            most = best->scale * t->qx[i];
        }
}

/* Once more with the best scale, of which those points are taken that `again` says. */
TR__INLINE void refine(const struct group *g, const struct tr__near *near, const int bits,
                       const int n, enum tr__again again, struct best *best)
{
    const int n_point = n / (bits == 2 ? 8 : 4);
    struct tries t = { .n = 1, .inverse = { 1 / best->scale }, .scale = { best->scale } };
    round_all(g, bits, n, 1, &t);
    to_grid(g, near, bits, n, &t);
    for (int k = 0; k < n_point; k++) {
        if (again != TR__AGAIN_BESIDE || best->beside >> k & 1)
            best->point[k] = t.point[k][0];
        t.point[k][0] = best->point[k];
    }
    sum_up(g, bits, n, 1, &t);
    if (t.qq[0] > 0)
        best->scale = t.qx[0] / t.qq[0];
}

/* width: what the top level stands for, in the middle of the tries. */
TR__INLINE void search(const struct tr__iq_search *how, const struct tr__near *near,
                       struct group *g, float width, const int bits, const int n,
                       struct best *best)
{
    struct tries t = { .n = 2 * how->half + 1 };
    const float top = bits == 2 ? 5 : 15;
    for (int i = 0; i < MAX_TRIES; i++) {
        t.inverse[i] = (top + (float)(i - how->half) * how->step) / width;
        t.scale[i] = 1 / t.inverse[i];
    }
    widen(g, bits, n);
    round_all(g, bits, n, MAX_TRIES, &t);
    to_grid(g, near, bits, n, &t);
    sum_up(g, bits, n, MAX_TRIES, &t);
    choose(&t, n / (bits == 2 ? 8 : 4), best);
    if ((best->beside || how->again == TR__AGAIN_ALL) && best->scale > 0)
        refine(g, near, bits, n, how->again, best);
}

/* ==== a block ==== */

/* The largest number. */
static float prepare(const struct tr__iq_search *how, const float *x, const float *weight,
                     float mean, struct group *g, uint8_t *signs)
{
    const int n = how->group;
    memcpy(g->x, x, (size_t)n * sizeof *x);
    tr__iq_weigh(x, weight, n, mean, how->plain_mean * mean, g->w);
    for (int k = 0; k < n / 8; k++)
        signs[k] = take_signs(g->x + 8 * k, g->w + 8 * k, how->even);
    for (int i = 0; i < n; i++) {
        g->root[i] = sqrtf(g->w[i]);
        g->wx[i] = g->w[i] * g->x[i];
    }
    return largest(g->x, n);
}

static void search_kind(const struct tr__iq_search *how, const struct tr__near *near,
                        struct group *g, float width, struct best *best)
{
    if (near->bits == 3)
        search(how, near, g, width, 3, 32, best);
    else if (how->group == 32)
        search(how, near, g, width, 2, 32, best);
    else
        search(how, near, g, width, 2, 16, best);
}

/* What the scale should be below 0 is above, with all signs the other way. */
static float positive(float scale, uint8_t *signs, int n)
{
    if (!(scale < 0))
        return scale;
    for (int k = 0; k < n; k++)
        signs[k] = (uint8_t)~signs[k];
    return -scale;
}

/* Find points and signs of group i; returns its scale. */
static float pack_group(const struct tr__iq_search *how, const struct tr__near *near,
                        const float *x, const float *weight, float mean, int i,
                        struct tr__iq_found *found)
{
    struct group g;
    struct best best = { .beside = how->again == TR__AGAIN_IF_BESIDE };
    const int n = how->group, numbers = near->bits == 2 ? 8 : 4;
    uint8_t *signs = found->signs + i * n / 8;
    float max = prepare(how, x + i * n, weight ? weight + i * n : NULL, mean, &g, signs);
    float width = max < how->least ? 0 : max;
    best.scale = max / (near->bits == 2 ? 5 : 15);
    if (how->from_levels && width > 0) {
        uint8_t level[32];
        best.scale = tr__k_search_top(g.x, g.w, 32, 4, level);
        width = best.scale * 3;
    }
    if (width <= 0) {
        memset(signs, 0, (size_t)n / 8);
        found->zero |= 1u << i;
        return 0;
    }
    search_kind(how, near, &g, width, &best);
    for (int k = 0; k < n / numbers; k++)
        found->point[i * n / numbers + k] =
            (uint16_t)tr__near_index(near, best.point[k]);
    return positive(best.scale, signs, n / 8);
}

/* The scales in four bits each, below the largest. */
static void round_scales(const struct tr__iq_search *how, const float *scale, int n,
                         struct tr__iq_found *found)
{
    float max = 0;
    int good = 1;
    for (int g = 0; g < n; g++) {
        max = max > scale[g] ? max : scale[g];
        good &= scale[g] - scale[g] == 0;
    }
    if (max == 0 && how->even)
        memset(found, 0, sizeof *found);
    float d = max / 31, inverse = 1 / d;
    found->d = good ? d * how->grow : NAN;
    if (max == 0)
        return;
    for (int g = 0; g < n; g++)
        found->s[g] =
            (uint8_t)tr__clamp(tr__nearest(0.5f * (inverse * scale[g] - 1)), 0, 15);
}

void tr__iq_search(const struct tr__iq_search *how, const float *x, const float *weight,
                   struct tr__iq_found *found)
{
    const struct tr__near *near = how->near();
    const int n_group = 256 / how->group;
    float mean = how->mean * tr__sum_squares(x, 256) / 256, scale[16];
    memset(found, 0, sizeof *found);
    found->d = NAN;
    if (!(mean < INFINITY))
        return;
    for (int g = 0; g < n_group; g++)
        scale[g] = pack_group(how, near, x, weight, mean, g, found);
    round_scales(how, scale, n_group, found);
}
