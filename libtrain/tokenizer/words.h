/* SPDX-License-Identifier: MIT
 *
 * Pre-tokenizers: how text is cut into words before byte-level BPE, by the name in
 * tokenizer.ggml.pre.
 */
#ifndef LIBTRAIN_TOKENIZER_WORDS_H
#define LIBTRAIN_TOKENIZER_WORDS_H

#include <libtrain/gguf.h>
#include <libtrain/tokenizer/newer.h>

#include <stddef.h>
#include <stdint.h>

enum { TR__MAX_PASS = 6 };

struct tr__pattern { /* PCRE2's language */
    /* Searched one after the other, each in every piece that the one before it made: what
     * matches is a piece, never empty, and so is what lies between; NULL behind the last */
    const char *pass[TR__MAX_PASS + 1];
    const char *word; /* matches at every place of a piece; NULL: a piece is a word */
    const char *cut;  /* what it matches ends where every text has a word end */
};

#define TR_PATTERN(name) extern const struct tr__pattern tr__pattern_##name;
#include <libtrain/tokenizer/patterns.def>
#undef TR_PATTERN

enum {
    TR__PRE_WHOLE = 1, /* a word that is a token is that token, merges or not */
    TR__PRE_BOS = 2,   /* BOS where tokenizer.ggml.add_bos_token is absent */
    TR__PRE_BARE = 4   /* a file need not have merges */
};

struct tr__pretok {
    const char *name; /* in tokenizer.ggml.pre */
    const struct tr__pattern *pattern;
    int flags;
};

/* All of them, i = 0, 1, … until NULL; those of one pattern follow each other. */
const struct tr__pretok *tr__pretok_at(size_t i);
/* By a name in tokenizer.ggml.pre, or NULL. */
const struct tr__pretok *tr__pretok_find(struct tr_str name);

struct tr__pretok_code { /* read-only after compiling; start with {0} */
    const struct tr__pretok *kind;
    int n_pass;
    void *pass[TR__MAX_PASS], *word, *cut; /* pcre2_code; word may be NULL */
    struct tr__newer newer;
};
int tr__pretok_compile(struct tr__pretok_code *p, const struct tr__pretok *kind,
                       struct tr_err *err) TR_MUST_CHECK;
void tr__pretok_release(struct tr__pretok_code *p);

struct tr__splitter { /* one thread's state; start with {0} */
    const struct tr__pretok_code *pretok;
    void *match, *context, *stack; /* PCRE2's */
    const char *text;   /* what the pattern sees, byte for byte as long as the caller's */
    char *copy;         /* owns `text` where it is not the caller's */
    size_t len, cap;    /* of text; of copy */
    struct tr__level { /* [0]: the text, [i]: a piece that pass i - 1 made */
        size_t from, to;
        size_t match, match_end; /* the next match of pass i at or behind where we are */
    } level[TR__MAX_PASS + 1];
};
/* Begin with a text.  Bytes that are not UTF-8 count as symbols, one each; characters are
 * what they are to llama.cpp, whichever Unicode PCRE2 knows. */
int tr__splitter_begin(struct tr__splitter *s, const struct tr__pretok_code *pretok,
                       const char *text, size_t len, struct tr_err *err) TR_MUST_CHECK;
/* Length of the word at `at` < len, or a negative error of PCRE2's: out of memory.  Words
 * are asked for from 0 on, each where the one before it ended. */
int64_t tr__splitter_next(struct tr__splitter *s, size_t at);
/* The first place that is a word's end whatever stands around the text, 0 if there is none
 * or it cannot be found. */
size_t tr__splitter_cut(struct tr__splitter *s);
void tr__splitter_release(struct tr__splitter *s);

#endif
