/* SPDX-License-Identifier: MIT
 *
 * What tests put around operations: two of their own, a tape that was planned, and slopes.
 */
#ifndef TESTS_TAPE_RUN_H
#define TESTS_TAPE_RUN_H

#include <libtrain/tape.h>
#include <libtrain/tensor.h>

/* y = x, so that an operation in place has something to write over. */
struct tr_tensor *tape_copy(struct tr_tape *tp, struct tr_tensor *x);

/* The sum of c[i] * x[i], in f64 also added to *sum; c (rows * cols of x). */
struct tr_tensor *tape_weigh(struct tr_tape *tp, struct tr_tensor *x, const float *c,
                             double *sum);

/* (f(2h), f(h), f(-h), f(-2h)) to the derivative at 0: fourth order in h. */
double slope_of(const double f[4], double h);

/* A tape with the memory that build(ctx, tape) will want. */
struct tr_tape *tape_planned(enum tr_tape_mode mode, enum tr_recompute recompute,
                             struct tr_tensor *(*build)(void *ctx, struct tr_tape *tp),
                             void *ctx);

#endif
