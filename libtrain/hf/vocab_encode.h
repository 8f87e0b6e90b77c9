/* SPDX-License-Identifier: MIT
 *
 * The ids that a tokenizer.json itself gives a short text: only to find out what it is.
 */
#ifndef LIBTRAIN_HF_VOCAB_ENCODE_H
#define LIBTRAIN_HF_VOCAB_ENCODE_H

#include <libtrain/hf/vocab_pieces.h>
#include <libtrain/hf/vocab_words.h>
#include <libtrain/tokenizer.h>

/* Append the ids of n bytes, without what is put around a text; `whole`: a word that is a
 * token is that token, merges or not.  1, 0 if an expression cannot be searched for, or a
 * failure. */
int tr__hf_encode(const struct tr__hf_pieces *p, const struct tr__hf_words *w, int whole,
                  const char *text, size_t n, struct tr_tokens *out,
                  struct tr_err *err) TR_MUST_CHECK;

#endif
