/* SPDX-License-Identifier: MIT
 *
 * Pre-tokenizers: how text is cut into words before byte-level BPE, by the name in
 * tokenizer.ggml.pre.
 */
#ifndef LIBTRAIN_TOKENIZER_WORDS_H
#define LIBTRAIN_TOKENIZER_WORDS_H

#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdint.h>

struct tr__pretok {
    const char *const *name; /* NULL-terminated */
    const char *word;        /* PCRE2 pattern; matches at every place of a text */
    const char *cut;         /* what it matches ends where every text has a word end */
    int ignore_merges;       /* a word that is a token is that token, merges or not */
    int add_bos;             /* where tokenizer.ggml.add_bos_token is absent */
};

#define TR_PRETOKENIZER(name) extern const struct tr__pretok tr__pretok_##name;
#include <libtrain/tokenizer/pretokenizers.def>
#undef TR_PRETOKENIZER

/* All of them, i = 0, 1, … until NULL. */
const struct tr__pretok *tr__pretok_at(size_t i);
/* By a name in tokenizer.ggml.pre, or NULL. */
const struct tr__pretok *tr__pretok_find(struct tr_str name);

struct tr__pretok_code { /* read-only after compiling; start with {0} */
    const struct tr__pretok *kind;
    void *code, *cut; /* pcre2_code */
};
int tr__pretok_compile(struct tr__pretok_code *p, const struct tr__pretok *kind,
                       struct tr_err *err) TR_MUST_CHECK;
void tr__pretok_release(struct tr__pretok_code *p);

struct tr__splitter { /* one thread's state; start with {0} */
    const struct tr__pretok_code *pretok;
    void *match, *context, *stack; /* PCRE2's */
    const char *text;   /* valid UTF-8, byte for byte as long as the caller's text */
    char *copy;         /* owns `text` where the caller's was not valid */
    size_t len;
};
/* Begin with a text; bytes that are not UTF-8 count as symbols, one each. */
int tr__splitter_begin(struct tr__splitter *s, const struct tr__pretok_code *pretok,
                       const char *text, size_t len, struct tr_err *err) TR_MUST_CHECK;
/* Length of the word at `at` < len, or a negative error of PCRE2's: out of memory. */
int64_t tr__splitter_next(struct tr__splitter *s, size_t at);
/* The first place that is a word's end whatever stands around the text, 0 if there is none
 * or it cannot be found. */
size_t tr__splitter_cut(struct tr__splitter *s);
void tr__splitter_release(struct tr__splitter *s);

#endif
