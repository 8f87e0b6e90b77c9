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
