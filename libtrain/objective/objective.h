/* SPDX-License-Identifier: MIT: the lists of losses and objectives, and what objectives share */
#ifndef LIBTRAIN_OBJECTIVE_OBJECTIVE_H
#define LIBTRAIN_OBJECTIVE_OBJECTIVE_H

#include <libtrain/loss.h>
#include <libtrain/objective.h>

#include <math.h>

#define TR_LOSS(NAME) extern const struct tr_loss_kind tr__loss_##NAME;
#include <libtrain/objective/losses.def>
#undef TR_LOSS

#define TR_OBJECTIVE(NAME) extern const struct tr_objective tr__objective_##NAME;
#include <libtrain/objective/objectives.def>
#undef TR_OBJECTIVE

/* Of one row of n logits: the largest; their sum; z becomes exp(z - max), whose sum is
 * returned. */
float tr__row_max(const float *z, int64_t n);
double tr__row_sum(const float *z, int64_t n);
double tr__row_exp(float *z, int64_t n, float max);

/* Losses of rows that have tr_top, which nobody chooses: that of a student beside its teacher
 * (objective/distill.c), and cross-entropy that fills *top (objective/top.c). */
extern const struct tr_loss_kind tr__loss_distill, tr__loss_top;

/* The logistic function and its logarithm, which loses no digits where that is near 0. */
static inline double tr__logistic(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
static inline double tr__log_logistic(double x)
{
    return x >= 0 ? -log1p(exp(-x)) : x - log1p(exp(x));
}

#endif
