/* SPDX-License-Identifier: MIT
 *
 * Arrays that may become larger than memory should hold: a whole text, its tokens.
 */
#ifndef LIBTRAIN_BASE_SPOOL_H
#define LIBTRAIN_BASE_SPOOL_H

#include <libtrain/error.h>

#include <stddef.h>

enum { TR__SPOOL_FROM = 16 << 20 }; /* bytes from which on an array lies in a file */

/* tr__grow, but an array of that many bytes lies in a file without a name in $TMPDIR,
 * /var/tmp or /tmp, which is mapped: what is not in use the system keeps there.  Where no file
 * can be had it is memory all the same.  An array belongs to these functions from its first
 * byte on. */
int tr__spool_grow(void *array, size_t *cap, size_t need, size_t size) TR_MUST_CHECK;
void tr__spool_free(void *array, size_t cap, size_t size);

#endif
