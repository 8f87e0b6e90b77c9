/* SPDX-License-Identifier: MIT
 *
 * GPT-2's alphabet: the printable character that stands for a byte.
 */
#ifndef LIBTRAIN_TOKENIZER_ALPHABET_H
#define LIBTRAIN_TOKENIZER_ALPHABET_H

#include <stddef.h>

/* The character of a byte, U+0021 to U+0143. */
unsigned tr__letter(unsigned char byte);

/* It in UTF-8, one byte or two; returns how many. */
size_t tr__spell(unsigned char byte, char *to);

#endif
