/* SPDX-License-Identifier: MIT
 *
 * Vocabularies made of text, for a model that is to be trained from nothing: byte-level BPE
 * (Sennrich, Haddow and Birch 2016; Radford et al. 2019), SentencePiece's on characters
 * (Kudo and Richardson 2018), and Unigram (Kudo 2018).  What comes of it is a GGUF without
 * tensors that tokenizer.h and llama.cpp read.
 *
 *     v = tr_vocabulary_new(&args, err);
 *     tr_vocabulary_add(v, text, n, err);  // of each text, in pieces of any size
 *     tr_vocabulary_end(v, err);           // behind each text
 *     tr_vocabulary_learn(v, err);
 *     tr_vocabulary_write(v, path, err);
 *
 * Texts may be larger than memory: only the distinct words are held, with their counts.
 * The result depends on the texts and the arguments alone, not on pieces and threads.
 */
#ifndef LIBTRAIN_VOCABULARY_H
#define LIBTRAIN_VOCABULARY_H

#include <libtrain/error.h>
#include <libtrain/gguf.h>
#include <libtrain/progress.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_vocabulary_args { /* all of it is the caller's and outlives the vocabulary */
    const char *kind; /* one of tr_vocabulary_kind */
    uint32_t size;    /* tokens at most; fewer where the texts have no more pairs */
    /* (n_special) texts of control tokens, all different.  bpe: without any there is
     * "<|endoftext|>"; others: behind <unk>, <s> and </s>, which are always there */
    const char *const *special;
    size_t n_special;
    const char *bos, *eos; /* two of these; NULL: bpe: the first, others: <s>, </s> */
    int special_last;      /* bpe: they have the last ids, not the first */
    int by_line; /* each line is a text of its own, as other trainers read files; all kinds
                  * but bpe are always so */
    const char *pre;        /* bpe: a name of tokenizer.ggml.pre; NULL: "gpt-2" */
    uint64_t min_frequency; /* a pair that is rarer is not merged; not for unigram */
    double coverage; /* not bpe: share of a text whose characters are tokens; 0: 0.9995 */
};

/* Names of kinds, i = 0, 1, … until NULL. */
const char *tr_vocabulary_kind(int i);

struct tr_vocabulary;
/* TR_EINVAL for an argument that makes no sense: an unknown kind or pre-tokenizer, a size
 * that does not hold what every vocabulary of the kind holds, a special token twice.  That
 * a size does not hold the characters of the text is told by tr_vocabulary_learn. */
struct tr_vocabulary *tr_vocabulary_new(const struct tr_vocabulary_args *a,
                                        struct tr_err *err) TR_MUST_CHECK;
void tr_vocabulary_free(struct tr_vocabulary *v);

/* The next bytes of a text, any bytes; and its end. */
int tr_vocabulary_add(struct tr_vocabulary *v, const char *text, size_t n,
                      struct tr_err *err) TR_MUST_CHECK;
int tr_vocabulary_end(struct tr_vocabulary *v, struct tr_err *err) TR_MUST_CHECK;
/* Distinct words so far, as far as that is known: after the learning it is. */
uint64_t tr_vocabulary_n_word(const struct tr_vocabulary *v);

/* Tell *p, of which a copy is kept, while it learns: tokens that are made, of unigram those
 * that have gone. */
void tr_vocabulary_watch(struct tr_vocabulary *v, const struct tr_progress *p);
/* Make the tokens of what was added, once.  TR_EFORMAT if that is nothing. */
int tr_vocabulary_learn(struct tr_vocabulary *v, struct tr_err *err) TR_MUST_CHECK;

/* After that: the tokens as a file has them, and what merges which, in its order; unigram
 * has no merges. */
uint32_t tr_vocabulary_n(const struct tr_vocabulary *v);
struct tr_str tr_vocabulary_token(const struct tr_vocabulary *v, uint32_t id);
size_t tr_vocabulary_n_merge(const struct tr_vocabulary *v);
void tr_vocabulary_merge(const struct tr_vocabulary *v, size_t i, uint32_t pair[2]);

int tr_vocabulary_write(const struct tr_vocabulary *v, const char *path,
                        struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
