/* SPDX-License-Identifier: MIT
 *
 * Scales and points for the groups of a block of IQ2 or IQ3.
 *
 * As with K-quants (k_search.h) a few scales are tried and the one that loses least is kept,
 * and the choices are llama.cpp's to the bit.  With each scale the numbers are rounded one by
 * one, and each point that is not on the grid gives way to the best near it.
 */
#ifndef LIBTRAIN_QUANTS_IQ_SEARCH_H
#define LIBTRAIN_QUANTS_IQ_SEARCH_H

#include <libtrain/quants/iq_near.h>

/* What is tried once more with the scale that was best: the points that were not on the grid,
 * all if there is one such, all always. */
enum tr__again { TR__AGAIN_BESIDE, TR__AGAIN_IF_BESIDE, TR__AGAIN_ALL };

struct tr__iq_search {
    const struct tr__near *(*near)(void);
    int group;        /* numbers: 32, or 16 of two bits */
    int half;         /* 2 half + 1 scales are tried, */
    float step;       /* of top + step k levels for the largest number, |k| <= half */
    int even;         /* an even number of signs in eight */
    enum tr__again again;
    float least;      /* a group with no number from here up is zero */
    float mean;       /* of the squares, times this, goes into the weights, */
    float plain_mean; /* and times this besides where columns have no weights */
    float grow;       /* the scale of the block is stored that much larger */
    int from_levels;  /* the range is not the largest number's but that of a first search */
};

/* What is stored.  Points are places in the grid; the signs of eight numbers are bits, of
 * which the highest follows from the others where their number is even. */
struct tr__iq_found {
    float d;
    uint8_t s[16];
    uint16_t point[64];
    uint8_t signs[32];
    uint32_t zero; /* bit g: group g is zero, all that is stored of it too */
};

/* x: 256 numbers; weight: of their columns, or NULL.  d is NaN if they cannot be packed. */
void tr__iq_search(const struct tr__iq_search *how, const float *x, const float *weight,
                   struct tr__iq_found *found);

/* w (n) = weight sqrt(mean + x^2); plain + x^2 where columns have no weights. */
void tr__iq_weigh(const float *x, const float *weight, int n, float mean, float plain,
                  float *w);

#endif
