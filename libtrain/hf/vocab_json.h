/* SPDX-License-Identifier: MIT
 *
 * tokenizer.json: its long lists go straight to a vocabulary, the rest is a value of JSON.
 */
#ifndef LIBTRAIN_HF_VOCAB_JSON_H
#define LIBTRAIN_HF_VOCAB_JSON_H

#include <libtrain/hf/vocab_pieces.h>

/* Read n bytes that stand in the file `name`.  *rest is the caller's, without vocabulary and
 * merges of the model: null stands there.  p NULL: the rest alone. */
int tr__hf_vocab_json(const char *bytes, size_t n, const char *name, struct tr__hf_pieces *p,
                      struct tr_json **rest, struct tr_err *err) TR_MUST_CHECK;
/* The same of vocab.json: an object of texts and ids and nothing else. */
int tr__hf_vocab_object(const char *bytes, size_t n, const char *name,
                        struct tr__hf_pieces *p, struct tr_err *err) TR_MUST_CHECK;
/* Merges of merges.txt, one a line. */
int tr__hf_vocab_merges(const char *bytes, size_t n, const char *name,
                        struct tr__hf_pieces *p, struct tr_err *err) TR_MUST_CHECK;

#endif
