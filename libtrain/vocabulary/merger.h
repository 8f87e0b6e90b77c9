/* SPDX-License-Identifier: MIT
 *
 * Learning what merges: the most frequent pair of neighbours becomes a token, again and
 * again.
 */
#ifndef LIBTRAIN_VOCABULARY_MERGER_H
#define LIBTRAIN_VOCABULARY_MERGER_H

#include <libtrain/error.h>
#include <libtrain/progress.h>
#include <libtrain/vocabulary/strings.h>

#include <stddef.h>
#include <stdint.h>

struct tr__word { /* symbols sym[start, start + n) of all */
    size_t start;
    uint32_t n;
    uint64_t count;
};

struct tr__words { /* grows; start with {0}; the ids of words, one word after the other */
    struct tr__word *word;
    size_t n, cap;
    uint32_t *sym;
    size_t n_sym, cap_sym;
};
/* Append a word of n symbols that are at the end of sym already, n_sym without them. */
int tr__words_add(struct tr__words *w, size_t n, uint64_t count) TR_MUST_CHECK;
/* Append a symbol to the word that comes next, which has n already. */
int tr__words_symbol(struct tr__words *w, size_t n, uint32_t id) TR_MUST_CHECK;
void tr__words_release(struct tr__words *w);

struct tr__merges { /* grows; start with {0}; the caller frees pair */
    uint32_t (*pair)[2];
    size_t n, cap;
};

struct tr__merge_limits {
    uint32_t size;          /* tokens in all */
    uint64_t min_frequency; /* of a pair */
    uint32_t most;          /* characters of a token; UINT32_MAX: any */
    const struct tr__strings *never; /* no token may be spelt so; NULL: any may */
};

/* Of pairs with the same count the one with the smaller left id comes first, then with the
 * smaller right id.  A pair that spells a token that is there already and is no plain text (its
 * count in `token` is above TR__TYPE_NORMAL) is not merged: a text would become it.  Adds tokens to `token` and pairs to `merges`; uses up the words. */
int tr__merge_words(struct tr__words *words, const struct tr__merge_limits *limits,
                    struct tr__strings *token, struct tr__merges *merges,
                    const struct tr_progress *progress, struct tr_err *err) TR_MUST_CHECK;

#endif
