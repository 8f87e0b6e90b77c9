/* SPDX-License-Identifier: MIT
 *
 * The inner face of quants/: single numbers of sixteen bits and rows of bytes, beside dtype.h.
 */
#ifndef LIBTRAIN_QUANTS_QUANTS_H
#define LIBTRAIN_QUANTS_QUANTS_H

#include <libtrain/quants/half.h>
#include <libtrain/quants/int8_row.h>

#endif
