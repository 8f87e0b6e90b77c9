/* SPDX-License-Identifier: MIT
 *
 * Characters that came to Unicode after the oldest version that PCRE2 may know.
 */
#ifndef LIBTRAIN_TOKENIZER_NEWER_H
#define LIBTRAIN_TOKENIZER_NEWER_H

#include <stddef.h>
#include <stdint.h>

struct tr__newer { /* which blocks of 64 characters have such, one bit each */
    uint8_t block[0x110000 / 64 / 8];
};
void tr__newer_index(struct tr__newer *n);

/* A character, of as many bytes, that every Unicode takes for what llama.cpp takes the one
 * at `at` for, where PCRE2 may take it for something else; NULL: they agree.  `at` is valid
 * UTF-8 of n > 1 bytes. */
const char *tr__newer_stand_in(const struct tr__newer *newer, const char *at, size_t n);

#endif
