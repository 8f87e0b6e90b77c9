/* SPDX-License-Identifier: MIT
 *
 * What Python knows of characters.  Strings are UTF-8 without faults.
 */
#ifndef LIBTRAIN_CHAT_UNICODE_H
#define LIBTRAIN_CHAT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of white space at the beginning, at the end. */
size_t tr__space_left(const char *s, size_t n);
size_t tr__space_right(const char *s, size_t n);
int tr__char_is_space(uint32_t c);
/* What str.splitlines ends a line at. */
int tr__is_line_end(uint32_t c);
/* What repr() writes as it is. */
int tr__is_printable(uint32_t c);

/* The code point at s < end; *n: its bytes. */
uint32_t tr__char_at(const char *s, const char *end, size_t *n);
/* The code point that ends at s + n, n > 0. */
uint32_t tr__char_before(const char *s, size_t n, size_t *bytes);
size_t tr__char_count(const char *s, size_t n);
/* The byte at which code point i begins; n if there are not so many. */
size_t tr__char_offset(const char *s, size_t n, size_t i);
/* Writes at most 4 bytes. */
size_t tr__char_put(uint32_t c, char *out);

/* Upper, lower and title case of a character: at most 3 code points in `to`, how many. */
enum tr__case { TR__CASE_UPPER, TR__CASE_LOWER, TR__CASE_TITLE };
size_t tr__char_case(uint32_t c, enum tr__case how, uint32_t to[3]);
int tr__is_cased(uint32_t c);

#endif
