/* SPDX-License-Identifier: MIT
 *
 * Generating text: the next token drawn by its logits, one after another, until the model
 * ends, a stop text comes or there are enough.
 */
#ifndef LIBTRAIN_GENERATE_H
#define LIBTRAIN_GENERATE_H

#include <libtrain/model.h>
#include <libtrain/rng.h>
#include <libtrain/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_sampling {
    double temp;   /* logits are divided by it; 0: always the likeliest token */
    int64_t top_k; /* among so many likeliest; 0: all */
    double top_p;  /* of these the fewest that have this share of the probability
                      (Holtzman et al. 2020) */
};

struct tr_candidate {
    float p; /* logit, then probability */
    int32_t id;
};

/* One of n tokens.  logit (n), finite; scratch (n). */
int32_t tr_sample(const struct tr_sampling *o, const float *logit, int64_t n,
                  struct tr_candidate *scratch, struct tr_rng *rng);

/* The ids of a prompt: the text's, behind BOS if the model wants it, never followed by EOS.
 * `special`: special tokens written in the text become one id.  TR_EFORMAT if nothing comes
 * of it.  The caller releases t. */
int tr_prompt_encode(const struct tr_tokenizer *tok, const char *text, int special,
                     struct tr_tokens *t, struct tr_err *err) TR_MUST_CHECK;

struct tr_generator;

/* Memory for prompts of up to max_prompt tokens with max_new behind them.  Together they
 * may not be more than the model was made for (TR_EMISMATCH).  Model and tokenizer are the
 * caller's and must outlive it. */
struct tr_generator *tr_generator_new(struct tr_model *m, const struct tr_tokenizer *tok,
                                      int64_t max_prompt, int64_t max_new,
                                      struct tr_err *err) TR_MUST_CHECK;
void tr_generator_free(struct tr_generator *g);

/* What such a generator takes, found without taking it. */
int tr_generator_bytes(struct tr_model *m, int64_t max_prompt, int64_t max_new,
                       int64_t *bytes, struct tr_err *err) TR_MUST_CHECK;

struct tr_generate_args {
    struct tr_sampling sampling;
    int64_t n;               /* tokens to add at most: what max_prompt and max_new leave
                                behind the prompt */
    const char *const *stop; /* (n_stop) it ends before any of these in the text, however
                                many tokens spell it, or at a control token that is
                                spelt so; empty: none */
    size_t n_stop;
    int keep;                /* what is left of the last call and begins this prompt too is
                                not fed again; sums may round otherwise then */
    /* Gets the text as soon as no stop text can begin in it, piece by piece, of which any
     * may end inside a character; other than 0 ends it, and no more comes.  NULL: nobody
     * wants it. */
    int (*text)(void *ctx, const char *bytes, size_t n);
    void *ctx;
};

/* Continue a prompt of n tokens.  Ends early at one of the model's ends of generation
 * (tr_tokenizer_is_eog).  rng: the draws.  Any number of prompts, one after another.
 * TR_EMISMATCH: more than was announced, an id that the model does not have;
 * TR_EUNSUPPORTED: sampling out of range. */
int tr_generate(struct tr_generator *g, const uint32_t *prompt, size_t n,
                const struct tr_generate_args *args, struct tr_rng *rng,
                struct tr_err *err) TR_MUST_CHECK;

/* 1 if the last of these added all the tokens it might, and nothing else ended it. */
int tr_generator_was_cut(const struct tr_generator *g);

#ifdef __cplusplus
}
#endif
#endif
