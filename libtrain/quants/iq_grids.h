/* SPDX-License-Identifier: MIT
 *
 * Grids of the IQ types (iq_grids.c), and what their blocks have in common.
 */
#ifndef LIBTRAIN_QUANTS_IQ_GRIDS_H
#define LIBTRAIN_QUANTS_IQ_GRIDS_H

#include <libtrain/quants/row.h>

extern const uint16_t tr__iq1_grid[2048];
extern const uint16_t tr__iq2_xxs_grid[256], tr__iq2_xs_grid[512], tr__iq2_s_grid[1024];
extern const uint16_t tr__iq3_xxs_grid[256], tr__iq3_s_grid[512];

/* Numbers `first` … of the 32 that four points of eight are, each two bits: table's entries. */
TR__INLINE tr__vec tr__of_eights(const uint32_t *point, const int first, const float *table)
{
    tr__ivec place;
    uint32_t words = point[first / 8] >> 2 * (first % 8);
    TR__EACH(i, TR__VEC)
        place[i] = 2 * i;
#if defined(__AVX512F__)
    words |= point[first / 8 + 1] << 16;
#endif
    return tr__of_four(table, tr__splat_word(words) >> place);
}

/* Numbers `first` … of the 32 that eight points of four are, each three bits. */
TR__INLINE tr__vec tr__of_fours(const uint32_t *point, const int first, const float *table)
{
    tr__ivec place, words = tr__splat_word(point[first / 4]);
    TR__EACH(i, TR__VEC)
        place[i] = 3 * (i % 4) + 16 * (i / 4 % 2);
#if defined(__AVX512F__)
    const uint32_t *p = point + first / 4;
    words = (tr__ivec)_mm512_mask_set1_epi32(
        _mm512_set1_epi32((int32_t)(p[0] | p[1] << 16)), 0xff00,
        (int32_t)(p[2] | p[3] << 16));
#elif defined(__AVX2__)
    words = tr__splat_word(point[first / 4] | point[first / 4 + 1] << 16);
#endif
    return tr__of_eight(table, words >> place);
}

/* Signs of 32 numbers of which each byte has seven bits: an even number of eight is below 0. */
TR__INLINE uint32_t tr__even_signs(uint32_t sevens)
{
    uint32_t odd = sevens ^ sevens >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return sevens | (odd & 0x01010101) << 7;
}

/* 28 bits, seven a byte. */
TR__INLINE uint32_t tr__sevens(uint32_t bits)
{
    return (bits & 0x7f) | (bits & 0x3f80) << 1 | (bits & 0x1fc000) << 2 |
           (bits & 0xfe00000) << 3;
}

#endif
