/* SPDX-License-Identifier: MIT
 *
 * Filters, by their list.
 */
#ifndef LIBTRAIN_CHAT_FILTERS_H
#define LIBTRAIN_CHAT_FILTERS_H

#include <libtrain/chat/args.h>

#define TR_FILTER(name, params, function)                                      \
    int tr__filter_##function(struct tr__run *r, const struct tr__call *c,     \
                              struct tr__val *out);
#define TR_NO_FILTER(name)
#include <libtrain/chat/filters.def>
#undef TR_FILTER
#undef TR_NO_FILTER

#endif
