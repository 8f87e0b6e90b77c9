/* SPDX-License-Identifier: MIT
 *
 * The inner face of tokenizer/: what those who make, read and write vocabularies use of it
 * beside the installed header.
 */
#ifndef LIBTRAIN_TOKENIZER_TOKENIZER_H
#define LIBTRAIN_TOKENIZER_TOKENIZER_H

#include <libtrain/tokenizer/alphabet.h>
#include <libtrain/tokenizer/words.h>

#include <stdint.h>

struct tr_tokenizer;
/* 1 if the special token takes along white space in front of it, 2: behind it, 3: both. */
int tr__tokenizer_strips(const struct tr_tokenizer *t, uint32_t id);

#endif
