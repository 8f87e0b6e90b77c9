/* SPDX-License-Identifier: MIT
 *
 * The inner face of tokenizer/: what those who make vocabularies use of it beside the
 * installed header.
 */
#ifndef LIBTRAIN_TOKENIZER_TOKENIZER_H
#define LIBTRAIN_TOKENIZER_TOKENIZER_H

#include <libtrain/tokenizer/alphabet.h>
#include <libtrain/tokenizer/words.h>

#endif
