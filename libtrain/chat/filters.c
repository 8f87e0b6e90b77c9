/* SPDX-License-Identifier: MIT
 *
 * The list of filters.  Next: tests.c.
 */
#include <libtrain/chat/filters.h>

static const struct tr__callable filters[] = {
#define TR_FILTER(name, params, function) { #name, params, tr__filter_##function },
#define TR_NO_FILTER(name) { #name, "*", NULL },
#include <libtrain/chat/filters.def>
#undef TR_FILTER
#undef TR_NO_FILTER
    { NULL, NULL, NULL }
};

const struct tr__callable *tr__find_filter(const char *name, size_t n)
{
    return tr__find_callable(filters, name, n);
}
