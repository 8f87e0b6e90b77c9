/* SPDX-License-Identifier: MIT
 *
 * What a run wants of the model.  Supervised training wants that every token which counts is
 * likely.  All others look at whole answers (tokenize --preference): from the logarithms of
 * their probabilities they make a loss, and its derivatives by these, so that a step is
 * one of supervised training whose rows have such weights.  Formulas:
 * docs/maths/objectives.md.
 */
#ifndef LIBTRAIN_OBJECTIVE_H
#define LIBTRAIN_OBJECTIVE_H

#include <libtrain/ops.h>
#include <libtrain/option.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_answer { /* a document of a batch of which something counts */
    double log_p;     /* of its tokens that count, the natural logarithm, added up */
    double reference; /* the same by the model without what is trained */
    double n;         /* tokens that count, at least 1 */
    double weight;    /* of a token of it; below 0: it is not wanted */
    int rival;        /* it is the rival of the answer before it */
    double group_mean, group_deviation; /* of the rewards of all answers to its prompt, or of
                                           its group (tr_pack_group); if there is no other,
                                           of all answers */
    /* what an objective makes of these: */
    double loss;   /* its share, or of a pair that of both, at the first */
    double slope;  /* the derivative of the loss by log_p */
    double reward; /* how much better it is than by the reference, in the objective's terms */
};

struct tr_objective {
    const char *name;
    const struct tr_option *option;
    const struct tr_loss_kind *teacher; /* the loss of each token beside what a teacher said
                                           of it (teacher.h); NULL: there is none */
    int pairs;     /* answers come with rivals, else without */
    int reference; /* wants what the model without what is trained says … */
    const char *const *reference_if; /* … if one of these options, NULL behind the last, is above
                                        0; NULL: always */
    int rewards;   /* weights are rewards; else they weigh losses */
    /* Fill the last three fields of the n answers of a micro-batch, of pairs one behind the
     * other.  NULL: each token has its loss. */
    void (*weigh)(struct tr_answer *a, int64_t n, const double *option);
};

/* i = 0, 1, … until NULL; 0 is supervised training, the default. */
const struct tr_objective *tr_objective_at(int i);
/* The objective of this name, or NULL. */
const struct tr_objective *tr_objective_by_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
