/* SPDX-License-Identifier: MIT
 *
 * Vocabularies between the files of a Hugging Face folder (tokenizer.json, tokenizer.model,
 * vocab.json and merges.txt, and what stands beside them) and the keys tokenizer.* of a GGUF.
 */
#ifndef LIBTRAIN_HF_VOCAB_H
#define LIBTRAIN_HF_VOCAB_H

#include <libtrain/gguf.h>

enum {
    TR__HF_MAX_TOKENS = 1 << 22,     /* of a vocabulary, with those that only fill it up */
    TR__HF_MAX_TOKENIZER = 128 << 20 /* bytes of a file with a vocabulary */
};

struct tr__hf_vocab_options {
    const char *pre;  /* a name of tokenizer.ggml.pre; NULL: it is found */
    const char *arch; /* general.architecture of the model; NULL: none in particular */
    int64_t rows;     /* of its tables; 0: vocab_size of config.json, or as there are tokens */
};

/* Set the keys tokenizer.* that the folder's files mean, in the order of llama.cpp's
 * converter.  The vocabulary is filled up to as many tokens as there are rows.  *n, unless n is
 * NULL, is the number of tokens.  Failures name the file and the place in it. */
int tr__hf_vocab_set(struct tr_gguf_writer *w, const char *dir,
                     const struct tr__hf_vocab_options *o, int64_t *n,
                     struct tr_err *err) TR_MUST_CHECK;

/* 0 if the folder's vocabulary has the texts of g's tokens under the same ids; TR_EMISMATCH names
 * the first that differs.  A kind of vocabulary that is not read here, and a model without any,
 * are not compared. */
int tr__hf_vocab_match(const struct tr_gguf *g, const char *dir,
                       struct tr_err *err) TR_MUST_CHECK;

/* Write the files of a tokenizer into a folder that is there: tokenizer.json,
 * tokenizer_config.json, special_tokens_map.json, where the kind has them vocab.json and
 * merges.txt, and chat_template.jinja.  TR_EUNSUPPORTED for a kind, a pattern of words or a
 * token that these cannot say. */
int tr__hf_vocab_write(const struct tr_gguf *g, const char *dir,
                       struct tr_err *err) TR_MUST_CHECK;

#endif
