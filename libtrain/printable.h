/* SPDX-License-Identifier: MIT
 *
 * Text from outside - names of files, tensors and keys, values, arguments - as a message, a
 * table or a terminal may get it.  What is printable stays as it is, so text may pass here
 * twice.  The library does this to all it says (error.h); a program must, to what it
 * prints.
 */
#ifndef LIBTRAIN_PRINTABLE_H
#define LIBTRAIN_PRINTABLE_H

#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the character at s, of which `left` > 0 are there, if all it does is to be seen.
 * 0 for control characters (C0, DEL, C1), marks that end lines and paragraphs (U+2028,
 * U+2029) or turn the direction of writing, and for bytes that are not UTF-8. */
size_t tr_printable(const char *s, size_t left);

/* Text of n bytes with \t, \n, \r and, for every other byte that is not printable, \xHH.
 * `to` gets at most size - 1 bytes, of whole characters, and a NUL; size > 0.  Returns the
 * number of bytes. */
size_t tr_escape(char *to, size_t size, const char *s, size_t n);

/* The same to a stream, all of it. */
void tr_print_escaped(FILE *f, const char *s, size_t n);

#ifdef __cplusplus
}
#endif
#endif
