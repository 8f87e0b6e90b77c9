/* SPDX-License-Identifier: MIT
 *
 * Blanks, strings and brackets in bytes that may be JSON.
 */
#ifndef LIBTRAIN_DATA_SOURCES_BRACKETS_H
#define LIBTRAIN_DATA_SOURCES_BRACKETS_H

#include <stddef.h>

static inline int tr__is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
/* The first of p[at … n) that is no blank; n if there is none. */
size_t tr__past_blanks(const unsigned char *p, size_t at, size_t n);
/* Behind the string whose quote is at p[at]; n if it does not end. */
size_t tr__past_string(const unsigned char *p, size_t at, size_t n);
/* Behind the value that begins at p[at] with a bracket; 0 if it is not closed. */
size_t tr__value_end(const unsigned char *p, size_t at, size_t n);

#endif
