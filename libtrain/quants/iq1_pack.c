/* SPDX-License-Identifier: MIT
 *
 * Packing of IQ1_S and IQ1_M.  With levels of -1, 0 and 1, all moved up or down by 1/8, the
 * best for a group can be looked for among all there are: in the order of the numbers the
 * levels are split at two places, and sums up to each place tell what a split loses.  What
 * the splits give is put on the grid then (iq_near.h).  The sums are llama.cpp's to the bit;
 * sixteen splits with the same first place are measured side by side.
 */
#include <libtrain/quants/half.h>
#include <libtrain/quants/iq_blocks.h>
#include <libtrain/quants/iq_grids.h>
#include <libtrain/quants/iq_near.h>
#include <libtrain/quants/iq_search.h>
#include <libtrain/quants/k_search.h>
#include <libtrain/quants/range.h>

#include <float.h>
#include <math.h>
#include <string.h>

enum { LANES = 16, MAX_N = 32, N_PLACE = MAX_N + 1 + LANES };

static const float up[4] = { -0.875f, 0.125f, 1.125f }, down[4] = { -1.125f, -0.125f, 0.875f };

/* A group of 32 (S) or 16 numbers (M); of M each half has its own direction. */
struct group {
    int n, halves;
    float x[MAX_N], w[MAX_N];
    int order[MAX_N]; /* ascending */
    float sum_x[2][N_PLACE], sum_w[2][N_PLACE]; /* of w x and w in front of each place */
};

/* Directions are bits: 1 for the last half's down, 2 for the one before it. */
struct split {
    float scale, most;
    int first, second, directions; /* places; first is -1 if there is none */
};

/* What splits at one place and at LANES others come to, by directions. */
struct candidates {
    float qx[4][LANES], qq[4][LANES];
};

/* ==== sums ==== */

/* Equal numbers stay in their order. */
static void sort(struct group *g)
{
    int rank[MAX_N];
    for (int i = 0; i < g->n; i++) {
        int before = 0;
        for (int j = 0; j < g->n; j++)
            before += (g->x[j] < g->x[i]) | ((g->x[j] == g->x[i]) & (j < i));
        rank[i] = before;
    }
    for (int i = 0; i < g->n; i++)
        g->order[rank[i]] = i;
}

/* Behind the last place is NaN, which no comparison takes. */
static void sum_up(struct group *g)
{
    for (int h = 0; h < g->halves; h++) {
        float x = 0, w = 0;
        g->sum_x[h][0] = g->sum_w[h][0] = 0;
        for (int k = 0; k < g->n; k++) {
            int i = g->order[k];
            int here = i * g->halves / g->n == h;
            x = here ? x + g->w[i] * g->x[i] : x;
            w = here ? w + g->w[i] : w;
            g->sum_x[h][k + 1] = x;
            g->sum_w[h][k + 1] = w;
        }
        for (int k = g->n + 1; k < N_PLACE; k++)
            g->sum_x[h][k] = g->sum_w[h][k] = NAN;
    }
}

/* ==== splits ==== */

/* In IQ1_S, three sums are weighed, each of numbers between two places. */
TR__INLINE void measure_whole(const struct group *g, int first, int second, const float *level,
                              float *qx, float *qq)
{
    const float *x = g->sum_x[0], *w = g->sum_w[0];
    const float a = level[0], b = level[1], c = level[2];
#pragma omp simd
    for (int i = 0; i < LANES; i++) {
        int k = second + i;
        qx[i] = x[first] * a + (x[k] - x[first]) * b + (x[g->n] - x[k]) * c;
        qq[i] = w[first] * a * a + (w[k] - w[first]) * b * b + (w[g->n] - w[k]) * c * c;
    }
}

/* In IQ1_M, what is in front of a place counts by how much its level is below the next. */
TR__INLINE void measure_half(const struct group *g, int h, int first, int second,
                             const float *level, float *qx, float *qq)
{
    const float *x = g->sum_x[h], *w = g->sum_w[h];
    const float top = level[2], a = level[0] * level[0] - level[1] * level[1];
    const float b = level[1] * level[1] - top * top;
#pragma omp simd
    for (int i = 0; i < LANES; i++) {
        int k = second + i;
        qx[i] = x[g->n] * top - (x[first] + x[k]);
        qq[i] = w[g->n] * top * top + w[first] * a + w[k] * b;
    }
}

static void measure_halves(const struct group *g, int first, int second, struct candidates *c)
{
    float qx[2][2][LANES], qq[2][2][LANES]; /* half, direction */
    for (int h = 0; h < 2; h++) {
        measure_half(g, h, first, second, up, qx[h][0], qq[h][0]);
        measure_half(g, h, first, second, down, qx[h][1], qq[h][1]);
    }
    for (int k = 0; k < 4; k++)
#pragma omp simd
        for (int i = 0; i < LANES; i++) {
            c->qx[k][i] = qx[0][k / 2][i] + qx[1][k % 2][i];
            c->qq[k][i] = qq[0][k / 2][i] + qq[1][k % 2][i];
        }
}

static int any_better(const struct candidates *c, int n_directions, float most)
{
    int any = 0;
    for (int k = 0; k < n_directions; k++)
#pragma omp simd reduction(| : any)
        for (int i = 0; i < LANES; i++)
            any |= (c->qq[k][i] > 0) & (c->qx[k][i] * c->qx[k][i] > most * c->qq[k][i]);
    return any;
}

/* One by one, since each that is better makes it harder for the next. */
static void take_better(const struct candidates *c, int n_directions, int first, int second,
                        struct split *s)
{
    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < n_directions; k++) {
            float qx = c->qx[k][i], qq = c->qq[k][i];
            if (!(qq > 0 && qx * qx > s->most * qq))
                continue;
            *s = (struct split){ .scale = qx / qq, .most = qx / qq * qx, .first = first,
                                 .second = second + i, .directions = k };
        }
}

static struct split best_split(const struct group *g)
{
    struct split s = { .most = -FLT_MAX, .first = -1 };
    struct candidates c;
    for (int first = 0; first <= g->n; first++)
        for (int second = first; second <= g->n; second += LANES) {
            if (g->halves == 1) {
                measure_whole(g, first, second, up, c.qx[0], c.qq[0]);
                measure_whole(g, first, second, down, c.qx[1], c.qq[1]);
            } else {
                measure_halves(g, first, second, &c);
            }
            if (any_better(&c, 2 * g->halves, s.most))
                take_better(&c, 2 * g->halves, first, second, &s);
        }
    return s;
}

/* ==== points ==== */

/* The levels that point k of a group has, (number) of 0, 1 and 2. */
static const float *levels_of(int n, int directions, int k)
{
    return directions >> (n == MAX_N ? 0 : 1 - k) & 1 ? down : up;
}

static uint32_t split_point(const struct group *g, const struct split *s, int k)
{
    uint8_t level[MAX_N];
    uint32_t u = 0;
    for (int i = 0; i < g->n; i++)
        level[g->order[i]] = (uint8_t)((i >= s->first) + (i >= s->second));
    for (int i = 0; i < 8; i++)
        u |= (uint32_t)(s->scale < 0 ? 2 - level[8 * k + i] : level[8 * k + i]) << 2 * i;
    return u;
}

/* The best point of the grid for eight numbers. */
static uint32_t to_grid(const struct tr__near *near, const float *x, const float *w,
                        const float *level, float scale, uint32_t u)
{
    float wide_x[32], wide_w[32], q[32], cost[32];
    for (int i = 0; i < 32; i++) {
        wide_x[i] = x[i / 4];
        wide_w[i] = w[i / 4];
        q[i] = level[i % 4];
    }
    tr__near_costs(wide_x, wide_w, q, scale, cost);
    return tr__near_best(near, 2, u, cost);
}

/* Add to the sums of w q x and w q q what eight numbers give. */
static void add_point(const float *x, const float *w, const float *level, float times,
                      uint32_t point, float *qx, float *qq)
{
    for (int i = 0; i < 8; i++) {
        float q = level[point >> 2 * i & 3] * times;
        *qx += w[i] * q * x[i];
        *qq += w[i] * q * q;
    }
}

/* 1 if every number is nearer to 0 than `least`. */
static int is_zero(const struct group *g, float least)
{
    float max = 0;
    for (int i = 0; i < g->n; i++)
        max = max > fabsf(g->x[i]) ? max : fabsf(g->x[i]);
    return max < least;
}

/* The scale of a group, its points by their places in the grid, and directions; all 0 if
 * it is zero. */
static float pack_group(const struct tr__near *near, struct group *g, float least,
                        uint16_t *point, int *directions)
{
    float qx = 0, qq = 0;
    int beside = 0;
    struct split s = { .first = -1 };
    if (!is_zero(g, least)) {
        sort(g);
        sum_up(g);
        s = best_split(g);
    }
    *directions = s.scale < 0 ? 2 * g->halves - 1 - s.directions : s.directions;
    float scale = fabsf(s.scale);
    for (int k = 0; k < g->n / 8 && s.first >= 0; k++) {
        const float *level = levels_of(g->n, *directions, k);
        uint32_t u = split_point(g, &s, k);
        uint32_t best = to_grid(near, g->x + 8 * k, g->w + 8 * k, level, scale, u);
        add_point(g->x + 8 * k, g->w + 8 * k, level, 1, best, &qx, &qq);
        beside |= best != u;
        point[k] = (uint16_t)tr__near_index(near, best);
    }
    return beside && qx > 0 && qq > 0 ? qx / qq : scale;
}

/* ==== blocks ==== */

struct block {
    float scale[16], max;
    int directions[16];
    uint16_t point[32];
};

/* 0 if the numbers are such that they cannot be packed. */
static int pack_block(const struct tr__near *near, const float *x, const float *weight, int n,
                      float least, struct block *b)
{
    struct group g = { .n = n, .halves = MAX_N / n };
    float mean = tr__sum_squares(x, 256) * 2 / 256;
    int good = mean < INFINITY;
    memset(b, 0, sizeof *b);
    for (int i = 0; i < 256 / n && good; i++) {
        memcpy(g.x, x + n * i, (size_t)n * sizeof *x);
        tr__iq_weigh(g.x, weight ? weight + n * i : NULL, n, mean, 0, g.w);
        b->scale[i] = pack_group(near, &g, least, b->point + n / 8 * i, b->directions + i);
        b->max = b->max > b->scale[i] ? b->max : b->scale[i];
        good = b->scale[i] - b->scale[i] == 0;
    }
    return good;
}

/* The three bits of a group's scale; d: of a scale that is 1 there. */
static uint32_t three_bits(float scale, float d)
{
    return (uint32_t)tr__clamp(tr__nearest(0.5f * (1 / d * scale - 1)), 0, 7);
}

static void pack_iq1_s(const float *x, const float *weight, struct iq1_s *to)
{
    const struct tr__near *near = tr__near_iq1();
    struct block b;
    int good = pack_block(near, x, weight, 32, 1e-12f, &b);
    float d = b.max / 15;
    tr__store_f16(to->d, good ? d * 1.125f : NAN);
    for (int g = 0; g < 8; g++) {
        uint32_t h = 0;
        for (int k = 0; k < 4; k++) {
            to->q[4 * g + k] = (uint8_t)b.point[4 * g + k];
            h |= (uint32_t)b.point[4 * g + k] >> 8 << 3 * k;
        }
        if (b.max != 0)
            h |= three_bits(b.scale[g], d) << 12 | (uint32_t)b.directions[g] << 15;
        tr__store_u16(to->h[g], h);
    }
}

void tr__iq1_s_from_f32_by(const float *src, const float *weight, void *dst, int64_t n)
{
    for (int64_t i = 0; i < n / 256; i++)
        pack_iq1_s(src + 256 * i, weight + 256 * i, (struct iq1_s *)dst + i);
}

/* Of IQ1_M, whose scales have few bits, d is fitted once more when these are known. */
static float fit_m(const float *x, const float *weight, const struct block *b,
                   const uint32_t *s, float d)
{
    float qx = 0, qq = 0, w[256], mean = tr__sum_squares(x, 256) * 2 / 256;
    tr__iq_weigh(x, weight, 256, mean, 0, w);
    for (int k = 0; k < 32; k++)
        add_point(x + 8 * k, w + 8 * k, levels_of(16, b->directions[k / 2], k % 2),
                  (float)(2 * s[k / 2] + 1), tr__iq1_grid[b->point[k]], &qx, &qq);
    return qq > 0 ? qx / qq : d;
}

static void store_m(const struct block *b, const uint32_t *s, float d, struct iq1_m *to)
{
    uint8_t half[2];
    tr__store_f16(half, d);
    for (int i = 0; i < 4; i++) {
        uint32_t four = half[i / 2] >> 4 * (i % 2) & 15u;
        tr__store_u16(to->s[i], s[4 * i] | s[4 * i + 1] << 3 | s[4 * i + 2] << 6 |
                                s[4 * i + 3] << 9 | four << 12);
    }
    for (int g = 0; g < 16; g++) {
        uint32_t high = b->point[2 * g] >> 8 | b->point[2 * g + 1] >> 8 << 4;
        uint32_t is_down = (b->directions[g] & 2u) << 2 | (b->directions[g] & 1u) << 7;
        to->q[2 * g] = (uint8_t)b->point[2 * g];
        to->q[2 * g + 1] = (uint8_t)b->point[2 * g + 1];
        to->h[g] = (uint8_t)(high | is_down);
    }
}

static void pack_iq1_m(const float *x, const float *weight, struct iq1_m *to)
{
    struct block b;
    uint32_t s[16] = { 0 };
    int good = pack_block(tr__near_iq1(), x, weight, 16, 1e-7f, &b);
    float d = b.max / 15;
    for (int g = 0; g < 16; g++)
        if (b.max != 0)
            s[g] = three_bits(b.scale[g], d);
        else
            b.directions[g] = 0;
    if (good && b.max != 0)
        d = fit_m(x, weight, &b, s, d) * 1.1125f;
    store_m(&b, s, good ? d : NAN, to);
}

void tr__iq1_m_from_f32_by(const float *src, const float *weight, void *dst, int64_t n)
{
    for (int64_t i = 0; i < n / 256; i++)
        pack_iq1_m(src + 256 * i, weight ? weight + 256 * i : NULL, (struct iq1_m *)dst + i);
}

void tr__iq1_m_from_f32(const float *src, void *dst, int64_t n)
{
    tr__iq1_m_from_f32_by(src, NULL, dst, n);
}
