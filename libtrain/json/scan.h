/* SPDX-License-Identifier: MIT
 *
 * The look at a text of JSON before json-c has it.
 */
#ifndef LIBTRAIN_JSON_SCAN_H
#define LIBTRAIN_JSON_SCAN_H

#include <stddef.h>

/* NULL, or what is wrong in n bytes that json-c would not tell, and where: *at.  What it
 * does tell (commas, brackets, words) is not looked at.  *n_bent: so many escapes are right
 * but json-c gets them wrong. */
const char *tr__json_scan(const char *bytes, size_t n, size_t *at, size_t *n_bent);

/* The same text, which passed, with characters in the place of these escapes; its length
 * in *m.  malloc'ed; NULL when out of memory. */
char *tr__json_unbent(const char *bytes, size_t n, size_t *m);

#endif
