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

/* Signs of eight numbers in seven bits: an even number of them is below 0. */
TR__INLINE uint32_t tr__even_signs(uint32_t seven)
{
    return seven | (uint32_t)__builtin_parity(seven) << 7;
}

#endif
