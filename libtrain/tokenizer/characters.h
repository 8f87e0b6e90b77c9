/* SPDX-License-Identifier: MIT
 *
 * What WordPiece and others must know of characters, as llama.cpp's version of Unicode,
 * 15.1, has it.
 */
#ifndef LIBTRAIN_TOKENIZER_CHARACTERS_H
#define LIBTRAIN_TOKENIZER_CHARACTERS_H

#include <stddef.h>
#include <stdint.h>

enum tr__character {
    TR__CHAR_OTHER,
    TR__CHAR_MARK,    /* general category M */
    TR__CHAR_PUNCT,   /* P */
    TR__CHAR_CONTROL, /* C, without what is not assigned */
    TR__CHAR_SPACE    /* White_Space, whatever its category */
};
enum tr__character tr__character_of(uint32_t c);

/* 1 if a character of Chinese stands by itself, as BERT's ranges have it. */
int tr__is_chinese(uint32_t c);

/* In lower case; the first of what a character is decomposed into, which is it without its
 * marks.  What does not change stays. */
uint32_t tr__lower(uint32_t c);
uint32_t tr__base_of(uint32_t c);

enum { TR__NO_CHARACTER = 0xfffd };
/* Bytes of the character at p, left > 0, as llama.cpp reads it: long forms and surrogates
 * are characters too.  What is none, or is beyond Unicode, is one byte and
 * TR__NO_CHARACTER. */
size_t tr__read_character(const char *p, size_t left, uint32_t *c);
/* Bytes by the first one alone, at most `left` > 0, whatever follows. */
size_t tr__character_bytes(char first, size_t left);
/* Writes the bytes of c < 0x110000, and returns how many. */
size_t tr__write_character(uint32_t c, char out[4]);

#endif
