/* SPDX-License-Identifier: MIT
 *
 * What vocabulary.c shares with the kinds of vocabularies.
 */
#ifndef LIBTRAIN_VOCABULARY_KIND_H
#define LIBTRAIN_VOCABULARY_KIND_H

#include <libtrain/vocabulary.h>
#include <libtrain/vocabulary/count.h>
#include <libtrain/vocabulary/merger.h>
#include <libtrain/vocabulary/strings.h>

struct tr__vocabulary_kind {
    const char *name;
    const char *architecture; /* of a model that has such a vocabulary */
    const char *model;        /* tokenizer.ggml.model */
    int spaced;               /* words begin with a space, also the first of a line */
    int add_bos;              /* tokenizer.ggml.add_bos_token */
    uint32_t n_fixed;         /* tokens that there are whatever the texts hold */
    const char *const *fixed; /* special ones among them, NULL-terminated; NULL: none */
    const char *const *alone; /* one special token where none is asked for; NULL: none */
    const char *bos, *eos;    /* where none is asked for; NULL: the first special token */
    /* What a word is; NULL: by the name in args.pre. */
    const struct tr__pretok *words;
    /* Are these special tokens any that it cannot have?  NULL: all can be. */
    int (*check)(const struct tr_vocabulary *v, struct tr_err *err);
    /* From v->word to v->token and what belongs to them; uses up the words. */
    int (*learn)(struct tr_vocabulary *v, struct tr_err *err);
    /* Keys of its own. */
    int (*write)(const struct tr_vocabulary *v, struct tr_gguf_writer *w,
                 struct tr_err *err);
};

#define TR_VOCABULARY(name) extern const struct tr__vocabulary_kind tr__vocabulary_##name;
#include <libtrain/vocabulary/kinds.def>
#undef TR_VOCABULARY

enum { /* tokenizer.ggml.token_type */
    TR__TYPE_NORMAL = 1, TR__TYPE_UNKNOWN = 2, TR__TYPE_CONTROL = 3, TR__TYPE_BYTE = 6
};

struct tr_vocabulary {
    struct tr_vocabulary_args args;
    const struct tr__vocabulary_kind *kind;
    struct tr__pretok_code pretok;
    struct tr__counter counter;
    struct tr__strings word;  /* of the texts, count: how often */
    struct tr__strings token; /* as in the file, count: TR__TYPE_… */
    struct tr__merges merges;
    float *score; // (token.n), NULL: the kind has none
    uint64_t n_word;
    struct tr_progress progress;
};

/* Append a token; one that is there already gets this type. */
int tr__vocabulary_token(struct tr_vocabulary *v, const char *text, size_t len, int type,
                         struct tr_err *err) TR_MUST_CHECK;
/* Append the special tokens, the fixed ones first. */
int tr__vocabulary_specials(struct tr_vocabulary *v, struct tr_err *err) TR_MUST_CHECK;

#endif
