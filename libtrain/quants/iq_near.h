/* SPDX-License-Identifier: MIT
 *
 * The points of a grid of the IQ types (iq_grids.h) that are near a point beside it.
 *
 * Numbers that are rounded one by one land on some point; the grid has but few of them, so the
 * best of the grid's nearest takes its place: of those whose distance is one of the smallest
 * one, two or three, as llama.cpp has them, in the order of distance and then of the grid.
 */
#ifndef LIBTRAIN_QUANTS_IQ_NEAR_H
#define LIBTRAIN_QUANTS_IQ_NEAR_H

#include <libtrain/base/vec.h>

enum { TR__NEAR_LIST = 16 };

struct tr__near {
    const uint16_t *grid; /* n_point points, ascending */
    int n_point;
    int bits;             /* of a number: eight numbers of 2 bits or four of 3 */
    int n_distance;
    /* Those near point u are list[first[u]] … list[first[u + 1] - 1]; none if u is on the grid.
     * The last is repeated until a list is full. */
    uint16_t *first;
    uint16_t (*list)[TR__NEAR_LIST];
};

/* Tables that are made when they are first asked for, by whichever thread. */
const struct tr__near *tr__near_iq1(void);
const struct tr__near *tr__near_iq2_xxs(void);
const struct tr__near *tr__near_iq2_xs(void);
const struct tr__near *tr__near_iq2_s(void);
const struct tr__near *tr__near_iq3_xxs(void);
const struct tr__near *tr__near_iq3_s(void);

/* Which point of the grid `point` is. */
int tr__near_index(const struct tr__near *n, uint32_t point);

/* What each level costs each number: w (scale q - x)^2, rounded after each of the operations.
 * All (numbers, levels), 32 in sum: x, w and q hold a number's once for each of its levels. */
TR__INLINE void tr__near_costs(const float *x, const float *w, const float *q, float scale,
                               float *cost)
{
    TR__EACH(i, 32 / TR__VEC) {
        tr__vec d = tr__splat(scale) * tr__load(q + i * TR__VEC) - tr__load(x + i * TR__VEC);
        tr__store(cost + i * TR__VEC, tr__load(w + i * TR__VEC) * d * d);
    }
}

/* What TR__VEC points cost, summed up from the first number. */
TR__INLINE tr__vec tr__near_sum(tr__ivec point, const int bits, const float *cost)
{
    const int numbers = bits == 2 ? 8 : 4;
    tr__vec sum = { 0 };
    TR__EACH(i, numbers) {
        tr__ivec level = point >> bits * i;
        sum += bits == 2 ? tr__of_four(cost + 4 * i, level) : tr__of_eight(cost + 8 * i, level);
    }
    return sum;
}

/* The place, in a list, of the first of the least costs: `place` says which each lane has. */
TR__INLINE int tr__near_least(tr__vec cost, tr__ivec place)
{
#if defined(__AVX512F__)
    __mmask16 least = _mm512_cmpeq_ps_mask(
        (__m512)cost, _mm512_set1_ps(_mm512_reduce_min_ps((__m512)cost)));
    return (int)(_mm512_mask_reduce_min_epu32(least, (__m512i)place) & 0xffff);
#else
    float best = cost[0];
    int at = place[0];
    for (int i = 1; i < TR__VEC; i++)
        if (cost[i] < best || (cost[i] == best && place[i] < at)) {
            best = cost[i];
            at = place[i];
        }
    return at;
#endif
}

/* The point of the grid for u: u itself, or the cheapest near it. */
TR__INLINE uint32_t tr__near_best(const struct tr__near *n, const int bits, uint32_t u,
                                  const float *cost)
{
    const uint16_t *list = n->list[n->first[u]];
    int count = (n->first[u + 1] - n->first[u]) * TR__NEAR_LIST;
    tr__ivec lane, best_place;
    if (count == 0)
        return u;
    TR__EACH(i, TR__VEC)
        lane[i] = i;
    tr__vec best = tr__near_sum(tr__load_words(list), bits, cost);
    best_place = lane;
    for (int i = TR__VEC; i < count; i += TR__VEC) {
        tr__vec sum = tr__near_sum(tr__load_words(list + i), bits, cost);
        tr__ivec less = sum < best;
        best = (tr__vec)(((tr__ivec)sum & less) | ((tr__ivec)best & ~less));
        best_place = ((lane + i) & less) | (best_place & ~less);
    }
    int at = tr__near_least(best, best_place);
    return list[at < count ? at : 0];
}

#endif
