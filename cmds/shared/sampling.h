/* SPDX-License-Identifier: MIT
 *
 * Choosing the next token at random, by its logits.
 */
#ifndef CMDS_SHARED_SAMPLING_H
#define CMDS_SHARED_SAMPLING_H

#include <libtrain/rng.h>

#include <stdint.h>

struct sampling {
    double temp;   /* logits are divided by it; 0: always the likeliest token */
    int64_t top_k; /* among so many likeliest; 0: all */
    double top_p;  /* of these the fewest that have this share of the probability */
};

struct candidate {
    float p; /* logit, then probability */
    int32_t id;
};

/* One of n tokens.  logit (n); scratch (n). */
int32_t sample(const struct sampling *o, const float *logit, int64_t n,
               struct candidate *scratch, struct tr_rng *rng);

#endif
