/* SPDX-License-Identifier: MIT
 *
 * tokenizer.model: a vocabulary of SentencePiece (Kudo and Richardson 2018), read and written.
 */
#ifndef LIBTRAIN_HF_VOCAB_SENTENCEPIECE_H
#define LIBTRAIN_HF_VOCAB_SENTENCEPIECE_H

#include <libtrain/hf/vocab_pieces.h>

#include <stdio.h>

enum { TR__HF_SPM_UNIGRAM = 1, TR__HF_SPM_BPE = 2 };

struct tr__hf_sentencepiece { /* what it says beside its pieces */
    int model_type;
    int no_prefix; /* no space is put in front of a text */
};

/* Read n bytes that stand in the file `name`: the pieces have the ids 0, 1, … */
int tr__hf_sentencepiece_read(const char *bytes, size_t n, const char *name,
                              struct tr__hf_pieces *p, struct tr__hf_sentencepiece *s,
                              struct tr_err *err) TR_MUST_CHECK;

/* Write one piece, and what stands behind all of them. */
void tr__hf_sentencepiece_piece(FILE *f, struct tr_str text, float score, int type);
void tr__hf_sentencepiece_end(FILE *f, const struct tr__hf_sentencepiece *s);

#endif
