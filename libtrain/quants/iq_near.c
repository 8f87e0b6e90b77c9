/* SPDX-License-Identifier: MIT
 *
 * For each of the 6561 points of eight numbers with three levels, or 4096 of four with eight,
 * the distances to all points of a grid, of which the nearest are kept.  That takes some tens
 * of milliseconds, once, and up to 0.8 MB a grid, which is no memory before it is written: there
 * is nothing to allocate, so nothing can fail.
 */
#include <libtrain/quants/iq_grids.h>
#include <libtrain/quants/iq_near.h>

#include <pthread.h>

enum { MAX_POINTS = 2048 };

/* Squared distances of u to the points of the grid, in levels. */
static void measure(const struct tr__near *n, uint32_t u, uint16_t *distance)
{
    const int numbers = n->bits == 2 ? 8 : 4, mask = (1 << n->bits) - 1;
    for (int p = 0; p < n->n_point; p++)
        distance[p] = 0;
    for (int i = 0; i < numbers; i++) {
        const int shift = n->bits * i, level = (int)u >> shift & mask;
#pragma omp simd
        for (int p = 0; p < n->n_point; p++) {
            int16_t d = (int16_t)((n->grid[p] >> shift & mask) - level);
            distance[p] = (uint16_t)(distance[p] + d * d);
        }
    }
}

/* The smallest distance above `last`. */
static int next_distance(const uint16_t *distance, int n, int last)
{
    uint16_t least = UINT16_MAX;
    for (int p = 0; p < n; p++) {
        uint16_t d = distance[p] > last ? distance[p] : UINT16_MAX;
        least = d < least ? d : least;
    }
    return least;
}

/* Write the list of u; returns how many there are, with those that fill it up. */
static int fill(const struct tr__near *n, uint32_t u, uint16_t *list)
{
    uint16_t distance[MAX_POINTS];
    int count = 0, last = -1;
    measure(n, u, distance);
    for (int k = 0; k < n->n_distance; k++) {
        last = next_distance(distance, n->n_point, last);
        if (last == 0)
            return 0;
        for (int p = 0; p < n->n_point; p++) {
            list[count] = n->grid[p]; /* or the next one that belongs here */
            count += distance[p] == last;
        }
    }
    for (; count % TR__NEAR_LIST; count++)
        list[count] = list[count - 1];
    return count;
}

/* Two bits have four values, of which three are levels. */
static int is_point(const struct tr__near *n, uint32_t u)
{
    return n->bits == 3 || !(u & u >> 1 & 0x5555);
}

static void make(const struct tr__near *n, uint32_t n_first)
{
    int lists = 0;
    for (uint32_t u = 0; u + 1 < n_first; u++) {
        n->first[u] = (uint16_t)lists;
        if (is_point(n, u))
            lists += fill(n, u, n->list[lists]) / TR__NEAR_LIST;
    }
    n->first[n_first - 1] = (uint16_t)lists;
}

int tr__near_index(const struct tr__near *n, uint32_t point)
{
    int low = 0, high = n->n_point - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (n->grid[middle] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* LISTS is how many there are, which follows from the grid; one more may be written to. */
#define NEAR(T, GRID, POINTS, BITS, DISTANCES, LISTS)                                    \
    static uint16_t T##_first[(BITS == 2 ? 0xaaaa : 0xfff) + 2];                         \
    static uint16_t T##_list[LISTS + 1][TR__NEAR_LIST];                                  \
    static const struct tr__near T##_near = { GRID,      POINTS,    BITS,                \
                                              DISTANCES, T##_first, T##_list };          \
    static void make_##T(void)                                                           \
    {                                                                                    \
        make(&T##_near, sizeof T##_first / sizeof *T##_first);                           \
    }                                                                                    \
    const struct tr__near *tr__near_##T(void)                                            \
    {                                                                                    \
        static pthread_once_t once = PTHREAD_ONCE_INIT;                                  \
        pthread_once(&once, make_##T);                                                   \
        return &T##_near;                                                                \
    }

NEAR(iq1, tr__iq1_grid, 2048, 2, 3, 22647)
NEAR(iq2_xxs, tr__iq2_xxs_grid, 256, 2, 2, 10071)
NEAR(iq2_xs, tr__iq2_xs_grid, 512, 2, 2, 14410)
NEAR(iq2_s, tr__iq2_s_grid, 1024, 2, 1, 6286)
NEAR(iq3_xxs, tr__iq3_xxs_grid, 256, 3, 2, 3902)
NEAR(iq3_s, tr__iq3_s_grid, 512, 3, 3, 3706)
