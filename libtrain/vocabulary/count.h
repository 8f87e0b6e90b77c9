/* SPDX-License-Identifier: MIT
 *
 * How often each word stands in texts that come in pieces.
 */
#ifndef LIBTRAIN_VOCABULARY_COUNT_H
#define LIBTRAIN_VOCABULARY_COUNT_H

#include <libtrain/tokenizer/tokenizer.h>
#include <libtrain/vocabulary/strings.h>

struct tr__counter { /* start with {0} and the first three */
    const struct tr__pretok_code *pretok; /* what a word is; the caller's */
    int by_line; /* no word goes on behind the end of a line */
    int spaced;  /* each line that is not empty has a space put in front */
    struct tr__count_worker *worker; // (n_worker) one a thread
    int n_worker;
    char *text; /* what is not counted yet */
    size_t n, cap;
    size_t due; /* counted when there is so much */
};

/* The next bytes of a text, and its end. */
int tr__counter_add(struct tr__counter *c, const char *text, size_t n,
                    struct tr_err *err) TR_MUST_CHECK;
int tr__counter_end(struct tr__counter *c, struct tr_err *err) TR_MUST_CHECK;
/* All words with their counts, in no certain order; the counter is empty then. */
int tr__counter_take(struct tr__counter *c, struct tr__strings *word,
                     struct tr_err *err) TR_MUST_CHECK;
void tr__counter_release(struct tr__counter *c);

#endif
