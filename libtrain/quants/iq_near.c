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

/* A point in two halves, whose squared distances to all that there are, in levels, are few:
 * those of a whole point are sums of two. */
static void measure_half(int bits, uint32_t half, uint8_t *distance)
{
    const int numbers = bits == 2 ? 4 : 2, mask = (1 << bits) - 1;
    for (int v = 0; v < 1 << bits * numbers; v++) {
        int sum = 0;
        for (int i = 0; i < numbers; i++) {
            int d = (v >> bits * i & mask) - ((int)half >> bits * i & mask);
            sum += d * d;
        }
        distance[v] = (uint8_t)sum;
    }
}

/* Squared distances of u to the points of the grid.  Bit d of what is returned says that d
 * is one of them; the last bit, that larger ones are. */
static uint64_t measure(const struct tr__near *n, uint32_t u, uint8_t *distance)
{
    const int half = n->bits == 2 ? 8 : 6, mask = (1 << half) - 1;
    uint8_t low[256], high[256];
    uint64_t seen = 0;
    measure_half(n->bits, u & (uint32_t)mask, low);
    measure_half(n->bits, u >> half, high);
    for (int p = 0; p < n->n_point; p++) {
        distance[p] = (uint8_t)(low[n->grid[p] & mask] + high[n->grid[p] >> half]);
        seen |= (uint64_t)1 << (distance[p] < 63 ? distance[p] : 63);
    }
    return seen;
}

/* Those points that are not farther than `limit`, with their distances; how many they are. */
static int collect(const struct tr__near *n, uint8_t *distance, int limit, uint16_t *point)
{
    int count = 0;
    for (int p = 0; p < n->n_point; p++) {
        uint8_t d = distance[p];
        point[count] = n->grid[p]; /* or the next one that belongs here */
        distance[count] = d;
        count += d <= limit;
    }
    return count;
}

/* Write the list of u; returns how many there are, with those that fill it up. */
static int fill(const struct tr__near *n, uint32_t u, uint16_t *list)
{
    uint8_t distance[MAX_POINTS];
    uint16_t point[MAX_POINTS];
    uint64_t seen = measure(n, u, distance), farther = seen;
    int count = 0;
    if (seen & 1)
        return 0;
    for (int k = 1; k < n->n_distance; k++)
        farther &= farther - 1;
    const int limit = __builtin_ctzll(farther), near = collect(n, distance, limit, point);
    for (int d = 1; d <= limit; d++)
        for (int p = 0; p < near; p++)
            if (distance[p] == d)
                list[count++] = point[p];
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

/* LISTS is how many there are, which follows from the grid. */
#define NEAR(T, GRID, POINTS, BITS, DISTANCES, LISTS)                                    \
    static uint16_t T##_first[(BITS == 2 ? 0xaaaa : 0xfff) + 2];                         \
    static uint16_t T##_list[LISTS][TR__NEAR_LIST];                                      \
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
