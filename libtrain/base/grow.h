/* SPDX-License-Identifier: MIT
 *
 * The one way in which arrays grow.
 */
#ifndef LIBTRAIN_BASE_GROW_H
#define LIBTRAIN_BASE_GROW_H

#include <libtrain/error.h>

#include <stddef.h>

/* Room for `need` elements of `size` bytes each.  `array` points at the caller's pointer to
 * a malloc'ed array, NULL at first, which may move; *cap is how many it holds, and at least
 * doubles when it changes, so that n additions cost O(n).  0, or -1 with ENOMEM in errno
 * and nothing changed. */
int tr__grow(void *array, size_t *cap, size_t need, size_t size) TR_MUST_CHECK;

#endif
