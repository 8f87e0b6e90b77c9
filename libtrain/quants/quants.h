/* SPDX-License-Identifier: MIT
 *
 * The inner face of quants/: single numbers of sixteen bits, beside dtype.h.
 */
#ifndef LIBTRAIN_QUANTS_QUANTS_H
#define LIBTRAIN_QUANTS_QUANTS_H

#include <libtrain/quants/half.h>

#endif
