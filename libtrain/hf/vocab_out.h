/* SPDX-License-Identifier: MIT
 *
 * A GGUF's vocabulary on its way into the files of a folder: private to vocab_write*.c and
 * vocab_out*.c.
 */
#ifndef LIBTRAIN_HF_VOCAB_OUT_H
#define LIBTRAIN_HF_VOCAB_OUT_H

#include <libtrain/file.h>
#include <libtrain/gguf.h>
#include <libtrain/hf/vocab_words.h>
#include <libtrain/tokenizer.h>
#include <libtrain/tokenizer/tokenizer.h>

enum { /* of tokenizer.ggml.token_type */
    TR__HF_OUT_CONTROL = 3,
    TR__HF_OUT_USER,
    TR__HF_OUT_UNUSED
};

struct tr__hf_vocab_out {
    const struct tr_gguf *g;
    struct tr_tokenizer *t;
    size_t n;             /* tokens */
    struct tr_str *token; // (n) as the file has them
    uint8_t *type;        // (n) likewise; 0 where it fills a gap and nothing is written
    uint8_t *added;       // (n) 1: found in a text before words are
    size_t n_listed;      /* ids below are in the vocabulary, from here on all are added */
    struct tr__hf_words words; /* byte-level BPE: how they are cut */
    const struct tr_gguf *read; /* what the folder says so far; NULL: not asked */
    FILE *f;              /* of the file that is being written */
};

/* What the kinds of tokenizers write into tokenizer.json, behind what they share. */
struct tr__hf_vocab_form {
    const char *model;      /* tokenizer.ggml.model */
    /* Is there a form of it?  NULL: always. */
    int (*check)(struct tr__hf_vocab_out *o, struct tr_err *err);
    void (*normalizer)(const struct tr__hf_vocab_out *o); /* their values */
    void (*words)(const struct tr__hf_vocab_out *o);
    void (*decoder)(const struct tr__hf_vocab_out *o);
    int (*entries)(const struct tr__hf_vocab_out *o, struct tr_err *err); /* of `model` */
    /* tokenizer.model; NULL: there is none */
    int (*pieces)(const struct tr__hf_vocab_out *o, struct tr_err *err);
    int lists;              /* vocab.json and merges.txt say the same */
    int names_control;      /* the settings name the control tokens */
};
extern const struct tr__hf_vocab_form tr__hf_vocab_form_gpt2, tr__hf_vocab_form_llama,
    tr__hf_vocab_form_gemma4;

/* A string of JSON; anything that is not UTF-8 is for the caller to refuse before. */
void tr__hf_out_string(FILE *f, struct tr_str s);
/* {"text":id,…} of the listed tokens. */
void tr__hf_out_vocab(const struct tr__hf_vocab_out *o, const char *line);
/* The post-processor: a template with what the model wants around a text, or null. */
void tr__hf_out_around(const struct tr__hf_vocab_out *o);
/* Text of a token that a key names, ptr NULL: none does. */
struct tr_str tr__hf_out_role(const struct tr__hf_vocab_out *o, const char *role,
                              int64_t *id);
/* tokenizer.json. */
int tr__hf_out_json(const struct tr__hf_vocab_out *o, const struct tr__hf_vocab_form *form,
                    struct tr_err *err) TR_MUST_CHECK;
/* Merges as entries of a list of JSON; as lines of merges.txt. */
int tr__hf_out_pairs(const struct tr__hf_vocab_out *o, struct tr_err *err) TR_MUST_CHECK;
int tr__hf_out_lines(const struct tr__hf_vocab_out *o, struct tr_err *err) TR_MUST_CHECK;
/* 1 if a merge makes a token of id `from` or more, 0, or a failure. */
int tr__hf_out_is_merged(const struct tr__hf_vocab_out *o, size_t from,
                         struct tr_err *err) TR_MUST_CHECK;
/* tokenizer_config.json, special_tokens_map.json. */
int tr__hf_out_settings(const struct tr__hf_vocab_out *o,
                        const struct tr__hf_vocab_form *form,
                        struct tr_err *err) TR_MUST_CHECK;
/* The entry of the settings with what of g is not in `read`, if there is any (vocab_own.c). */
void tr__hf_out_own(FILE *f, const struct tr_gguf *g, const struct tr_gguf *read);
void tr__hf_out_special(const struct tr__hf_vocab_out *o);

#endif
