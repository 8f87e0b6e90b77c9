/* SPDX-License-Identifier: MIT: what becomes of documents longer than the context */
#ifndef LIBTRAIN_DATA_OVER_LONG_H
#define LIBTRAIN_DATA_OVER_LONG_H

#include <stddef.h>
#include <stdint.h>

struct tr_over_long {
    const char *name;
    /* How many of its n > ctx positions stay, from its beginning on; negative: it is
     * refused. */
    int64_t (*keep)(size_t n, uint32_t ctx);
};

#define TR_OVER_LONG(NAME) extern const struct tr_over_long tr__over_long_##NAME;
#include <libtrain/data/over_long.def>
#undef TR_OVER_LONG

#endif
