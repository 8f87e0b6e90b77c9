/* SPDX-License-Identifier: MIT
 *
 * Tokenizers from the metadata of a GGUF, by its tokenizer.ggml.model: byte-level BPE
 * ("gpt2", with every pre-tokenizer that llama.cpp has), SentencePiece's BPE, which merges by
 * scores ("llama"), Gemma 4's, which merges its pieces by a list ("gemma4"), Unigram ("t5"),
 * WordPiece ("bert"), RWKV's ("rwkv") and PLaMo 2's ("plamo2").  The ids are those that
 * llama.cpp gives.
 *
 * A struct tr_tokenizer owns copies of what it needs; the GGUF may be closed.  It is
 * read-only after tr_tokenizer_new: several threads may encode with one.
 */
#ifndef LIBTRAIN_TOKENIZER_H
#define LIBTRAIN_TOKENIZER_H

#include <libtrain/error.h>
#include <libtrain/gguf.h>
#include <libtrain/progress.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_tokenizer;

struct tr_tokens { /* grows, large ones in an unnamed file; start with {0}, release with
                    * tr_tokens_release */
    uint32_t *id;
    size_t n, cap;
};
/* Append one id. */
int tr_tokens_push(struct tr_tokens *t, uint32_t id, struct tr_err *err) TR_MUST_CHECK;
void tr_tokens_release(struct tr_tokens *t);

/* Build from an open GGUF (tensors are not needed).  Unknown tokenizer.ggml.model or
 * tokenizer.ggml.pre are refused by name; without tokenizer.ggml.pre words are cut as
 * llama.cpp's "default" cuts them, with a warning. */
struct tr_tokenizer *tr_tokenizer_new(const struct tr_gguf *g,
                                      struct tr_err *err) TR_MUST_CHECK;
/* The same with this pre-tokenizer, whatever tokenizer.ggml.pre says; NULL: as it says. */
struct tr_tokenizer *tr_tokenizer_new_pre(const struct tr_gguf *g, const char *pre,
                                          struct tr_err *err) TR_MUST_CHECK;
void tr_tokenizer_free(struct tr_tokenizer *t);

/* What was odd but not refused (empty or duplicate tokens, an id that is no token, merges
 * without a token, no pre-tokenizer): lines of text, i = 0, 1, … until NULL. */
const char *tr_tokenizer_warning(const struct tr_tokenizer *t, size_t i);

/* Hash of what in the file decides the ids: model, pre-tokenizer, tokens, types, scores,
 * merges, map of a normaliser.  0 if the file holds no vocabulary.  A pre-tokenizer that was asked for in place
 * of the file's is not in it: the ids are for that model all the same. */
uint64_t tr_vocab_hash(const struct tr_gguf *g);

uint32_t tr_tokenizer_n_vocab(const struct tr_tokenizer *t);
/* Ids of special tokens, -1 where the model has none. */
int32_t tr_tokenizer_bos(const struct tr_tokenizer *t);
int32_t tr_tokenizer_eos(const struct tr_tokenizer *t); /* of WordPiece the separator */
/* 1 if the model wants BOS in front of every text, EOS behind it.  Where it wants one that
 * it does not have, the id is -1. */
int tr_tokenizer_add_bos(const struct tr_tokenizer *t);
int tr_tokenizer_add_eos(const struct tr_tokenizer *t);

/* 1 if a text that is generated ends with this token: EOS, the end of a turn or of a
 * message, by the keys of the file or by the texts that llama.cpp knows. */
int tr_tokenizer_is_eog(const struct tr_tokenizer *t, uint32_t id);

/* 1 if id is a control, unknown or user-defined token: one that stands for itself and
 * never comes out of merging. */
int tr_tokenizer_is_special(const struct tr_tokenizer *t, uint32_t id);

enum {
    TR_ENCODE_SPECIAL = 1, /* special tokens written in the text become one id */
    TR_ENCODE_BOS = 2,     /* BOS in front; a failure if the vocabulary has none */
    TR_ENCODE_EOS = 4      /* EOS behind, likewise */
};
/* Those of TR_ENCODE_BOS and TR_ENCODE_EOS that the model wants. */
int tr_tokenizer_around(const struct tr_tokenizer *t);

/* Tell *p, of which a copy is kept, while a long text is encoded: its bytes. */
void tr_tokenizer_watch(struct tr_tokenizer *t, const struct tr_progress *p);

/* Append the ids of text (any bytes) to out.  Time grows with the
 * length of the text even where it is one long word.  A long text is shared among the
 * threads of tr_threads (one inside an OpenMP parallel region); the ids, and the failure
 * that is told, do not depend on their number.  On failure out is as it was. */
int tr_tokenizer_encode(const struct tr_tokenizer *t, const char *text, size_t len,
                        int flags, struct tr_tokens *out, struct tr_err *err) TR_MUST_CHECK;

/* The same of n texts, the ids of each in its own place of out, behind what is there: each is
 * one thread's, so many short ones are encoded at once.  An empty text has no ids, not even
 * BOS and EOS.  On failure *at is the first text that failed, and what is in out may be cut. */
int tr_tokenizer_encode_all(const struct tr_tokenizer *t, const struct tr_str *text, size_t n,
                            int flags, struct tr_tokens *out, size_t *at,
                            struct tr_err *err) TR_MUST_CHECK;

struct tr_text_range { /* bytes [start, end) of a text */
    size_t start, end;
};
struct tr_text_ranges { /* grows; start with {0}, release with tr_text_ranges_release */
    struct tr_text_range *at;
    size_t n, cap;
};
void tr_text_ranges_release(struct tr_text_ranges *r);

/* One thread's encoder of many short texts: it remembers the words that come back.  The
 * tokenizer must outlive it.  tr_encoder_free takes NULL. */
struct tr_encoder;
struct tr_encoder *tr_encoder_new(const struct tr_tokenizer *t,
                                  struct tr_err *err) TR_MUST_CHECK;
void tr_encoder_free(struct tr_encoder *e);

/* As tr_tokenizer_encode, with one thread, where not all of the text may give special tokens:
 * one that the text spells counts only where its first and its last byte are outside of the
 * n_literal ranges (ascending, disjoint).  What a user wrote stays text though it spells a
 * control token, and "<|" + role + "|>" is one all the same.  User-defined tokens are found
 * anywhere, as without TR_ENCODE_SPECIAL.
 *
 * where, if it is not NULL, grows with out: the bytes of text that each id stands for,
 * ascending.  They are all of the text but white space that a special token strips; a space
 * that the tokenizer puts in front, BOS and EOS stand for none.  On failure out and where
 * are as they were. */
int tr_encoder_encode(struct tr_encoder *e, const char *text, size_t len, int flags,
                      const struct tr_text_range *literal, size_t n_literal,
                      struct tr_tokens *out, struct tr_text_ranges *where,
                      struct tr_err *err) TR_MUST_CHECK;
/* How many control tokens literal ranges have spelt so far, that became plain text; *id is the
 * last one. */
uint64_t tr_encoder_spelt(const struct tr_encoder *e, uint32_t *id);

/* The same of a single text. */
int tr_tokenizer_encode_ranges(const struct tr_tokenizer *t, const char *text, size_t len,
                               int flags, const struct tr_text_range *literal,
                               size_t n_literal, struct tr_tokens *out,
                               struct tr_text_ranges *where,
                               struct tr_err *err) TR_MUST_CHECK;

/* Add to count[id] - (n_vocab) - how often the text spells a control token: with
 * TR_ENCODE_SPECIAL it becomes that id, without it stays plain text. */
void tr_tokenizer_spelt(const struct tr_tokenizer *t, const char *text, size_t len,
                        uint64_t *count);

/* Append the bytes that id stands for to a growing buffer (malloc'ed, *n used of *cap).
 * `first`: the id begins a text (SentencePiece drops the space it had put in front).
 * Control tokens (BOS, EOS …) give no bytes unless `special`. */
int tr_tokenizer_decode(const struct tr_tokenizer *t, uint32_t id, int first, int special,
                        char **buf, size_t *n, size_t *cap,
                        struct tr_err *err) TR_MUST_CHECK;
/* Take back what decoding has put into a whole text of `len` bytes, where tokens are words
 * and a space stands in front of each: in front of a full stop there is none (WordPiece, as
 * llama.cpp does it).  In place; returns the bytes left, of other kinds all. */
size_t tr_tokenizer_clean(const struct tr_tokenizer *t, char *text, size_t len);
/* 1 if that may change a text. */
int tr_tokenizer_cleans(const struct tr_tokenizer *t);

#ifdef __cplusplus
}
#endif
#endif
