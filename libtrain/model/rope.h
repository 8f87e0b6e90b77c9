/* SPDX-License-Identifier: MIT
 *
 * Frequencies of rotary position embedding, of models made for longer contexts than they
 * began with too.  Pure functions of numbers; where the numbers come from is for config.c.
 */
#ifndef LIBTRAIN_MODEL_ROPE_H
#define LIBTRAIN_MODEL_ROPE_H

#include <stdint.h>

/* What is done to the frequencies base^(-2i / n_rot).  All zeros: nothing.  Parts combine:
 * first the factors, then one factor for all, which yarn keeps away from fast pairs. */
struct tr__rope_scaling {
    const float *factors; // (n_rot / 2) each frequency is divided by its own; NULL: none
    const float *factors_long; /* instead of them, in contexts beyond n_ctx_orig; NULL: none
                                  (longrope, Ding et al. 2024) */
    float factor;         /* and all by this one; 0 is taken as 1 (Chen et al. 2023) */
    float attn_factor;    /* multiplies what has turned; 0: 1, or longrope's own */
    int64_t n_ctx_orig;   /* the context before it was extended; yarn and longrope */
    int64_t n_ctx_train;  /* and after that; longrope */

    /* yarn (Peng et al. 2023) */
    float ext_factor;     /* how far it keeps frequencies, mostly 1; 0: no yarn at all */
    float beta_fast;      /* pairs that turn more often in n_ctx_orig are not divided */
    float beta_slow;      /* those that turn less often are, those between in part */
    int no_truncate;      /* the bounds of "between" are not rounded to whole pairs */
    float log_multiplier; /* what has turned is multiplied by (1 + 0.1 ln factor) /
                             (1 + 0.1 log_multiplier ln factor) too, */
    float yarn_attn_factor; /* or by this, if it is not 0 */
};

/* The angle per position of each pair, freq (n_rot / 2), for contexts of n_ctx positions;
 * returns what the turned columns are multiplied by.  base > 0. */
float tr__rope_freq(float *freq, int n_rot, float base, const struct tr__rope_scaling *s,
                    int64_t n_ctx);

#endif
