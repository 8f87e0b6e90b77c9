/* SPDX-License-Identifier: MIT
 *
 * The small files of a folder that say something of its vocabulary, and what is made of
 * them: private to vocab*.c.
 */
#ifndef LIBTRAIN_HF_VOCAB_FILES_H
#define LIBTRAIN_HF_VOCAB_FILES_H

#include <libtrain/hf/vocab.h>
#include <libtrain/hf/vocab_pieces.h>

struct tr__hf_vocab_files { /* start with {0}; NULL where there is no such file */
    const char *dir;
    struct tr_json *config;    /* config.json */
    struct tr_json *tokenizer; /* tokenizer.json without its long lists */
    struct tr_json *settings;  /* tokenizer_config.json */
    struct tr_json *special;   /* special_tokens_map.json */
    struct tr_json *added;     /* added_tokens.json */
    struct tr_json *generation; /* generation_config.json */
};
/* Open all but tokenizer.json. */
int tr__hf_vocab_files_open(struct tr__hf_vocab_files *f, const char *dir,
                            struct tr_err *err) TR_MUST_CHECK;
void tr__hf_vocab_files_close(struct tr__hf_vocab_files *f);

enum { TR__HF_PATH = 4096 };
/* The path of a file of the folder: 1 if there is one, 0, or a failure. */
int tr__hf_vocab_path(const char *dir, const char *name, char path[TR__HF_PATH],
                      struct tr_err *err) TR_MUST_CHECK;

/* A value of config.json, or of its text_config where it has none. */
const struct tr_json *tr__hf_config(const struct tr__hf_vocab_files *f, const char *key);

/* Text of a special token, which stands for itself or in an object; ptr NULL: none. */
struct tr_str tr__hf_token_text(const struct tr_json *v);

/* Mark and add the tokens that the files name beside the vocabulary. */
int tr__hf_vocab_add(struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                     struct tr_err *err) TR_MUST_CHECK;

/* The same beside a vocabulary of SentencePiece, whose control tokens are known: what a file
 * says of an id takes the place of what it was. */
int tr__hf_vocab_add_pieces(struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                            struct tr_err *err) TR_MUST_CHECK;
/* Types and scores of a vocabulary of SentencePiece's that is in a tokenizer.json: by_list: a
 * list says what merges, not scores. */
int tr__hf_vocab_pieces_of_json(struct tr__hf_pieces *p, const struct tr__hf_vocab_files *f,
                                int by_list, struct tr_err *err) TR_MUST_CHECK;
/* 1 if tokenizer.json puts a space in front of a text. */
int tr__hf_puts_space(const struct tr__hf_vocab_files *f);

/* Arrays of n tokens, with the places that none has filled; and of merges. */
int tr__hf_set_tokens(struct tr_gguf_writer *w, const struct tr__hf_pieces *p, size_t n,
                      int scores, struct tr_err *err) TR_MUST_CHECK;
int tr__hf_set_merges(struct tr_gguf_writer *w, const struct tr__hf_pieces *p,
                      struct tr_err *err) TR_MUST_CHECK;

/* The keys of special tokens, of what is put around a text, and of templates. */
int tr__hf_vocab_special(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f,
                         const struct tr__hf_pieces *p, struct tr_err *err) TR_MUST_CHECK;
int tr__hf_vocab_template(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f,
                          struct tr_err *err) TR_MUST_CHECK;

/* Put back what only the GGUF said that the folder was made of (vocab_own.c), in place of what
 * has been set; not the pre-tokenizer where has_pre: another has named it. */
int tr__hf_vocab_own(struct tr_gguf_writer *w, const struct tr__hf_vocab_files *f, int has_pre,
                     struct tr_err *err) TR_MUST_CHECK;

/* Name of the pre-tokenizer of a byte-level BPE; NULL: none that is known. */
int tr__hf_vocab_pre(const struct tr__hf_vocab_files *f, const struct tr__hf_pieces *p,
                     const char **pre, struct tr_err *err) TR_MUST_CHECK;

#endif
