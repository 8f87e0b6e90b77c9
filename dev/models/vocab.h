/* SPDX-License-Identifier: MIT
 *
 * A tokenizer from one file to another, for a model of more tokens than it has.
 */
#ifndef DEV_MODELS_VOCAB_H
#define DEV_MODELS_VOCAB_H

#include <libtrain/gguf.h>

/* Tokens that the file holds, or -1. */
int64_t vocab_size(const struct tr_gguf *g, struct tr_err *err) TR_MUST_CHECK;

/* All its keys "tokenizer."; its lists with entries of type "unused" behind them up to n
 * tokens. */
int vocab_copy(struct tr_gguf_writer *w, const struct tr_gguf *g, int64_t n,
               struct tr_err *err) TR_MUST_CHECK;

#endif
