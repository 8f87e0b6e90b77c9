/* SPDX-License-Identifier: MIT
 *
 * How a tokenizer.json cuts words, and how one says what a pattern of ours does.
 */
#ifndef LIBTRAIN_HF_VOCAB_WORDS_H
#define LIBTRAIN_HF_VOCAB_WORDS_H

#include <libtrain/json.h>
#include <libtrain/tokenizer/tokenizer.h>

enum { TR__HF_MAX_STEP = 12 };

struct tr__hf_step {
    char *regex; /* what it matches is a piece, and so is what lies between; NULL: bytes
                  * become letters of GPT-2's alphabet */
    int keep;    /* what lies between is no piece, and goes */
};

struct tr__hf_words { /* start with {0} */
    struct tr__hf_step step[TR__HF_MAX_STEP];
    size_t n;
    int odd; /* there is something that is not understood */
};
/* Read the `pre_tokenizer` of a tokenizer.json; -1 when out of memory. */
int tr__hf_words_read(struct tr__hf_words *w, const struct tr_json *v) TR_MUST_CHECK;
/* The steps of a pattern in the form in which files have them: 1, 0 if there is none that is
 * known, -1 when out of memory. */
int tr__hf_words_of(struct tr__hf_words *w, const struct tr__pattern *p) TR_MUST_CHECK;
void tr__hf_words_release(struct tr__hf_words *w);
/* The pattern that does the same, or NULL. */
const struct tr__pattern *tr__hf_words_pattern(const struct tr__hf_words *w);

#endif
