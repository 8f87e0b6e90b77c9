/* SPDX-License-Identifier: MIT
 *
 * Gradients against differences of the loss, on the real tape.
 */
#ifndef TESTS_GRADCHECK_H
#define TESTS_GRADCHECK_H

#include <libtrain/tape.h>
#include <libtrain/tensor.h>

enum { GRAD_MAX_IN = 4, GRAD_TEXT = 256 };

struct grad_input {
    int64_t rows, cols; /* rows 0: a vector of cols numbers; cols 0: no such input */
    float low, high;    /* numbers are drawn from here */
    int whole;          /* cannot be a view of columns of something wider */
};

struct grad_case {
    const char *op, *what;
    /* Call the operation.  An operation that is a loss itself (loss_scale not 0) adds its
     * unscaled sum to *loss; of all others the checker takes a weighted sum. */
    struct tr_tensor *(*build)(const struct grad_case *c, struct tr_tape *tp,
                               struct tr_tensor **in, double *loss);
    struct grad_input in[GRAD_MAX_IN];
    float step; /* of the differences; a power of two */
    double tolerance;
    double loss_scale;
};

/* Compare backward with differences of the loss, for every element of every input, every
 * choice of inputs that need a gradient, inputs that are views, and every way to
 * recompute.  `found` is empty afterwards, or says what is wrong. */
void grad_check(const struct grad_case *c, char found[GRAD_TEXT]);

/* y = x, so that an operation in place has something to write over. */
struct tr_tensor *grad_copy(struct tr_tape *tp, struct tr_tensor *x);

/* The sum of c[i] * x[i], in f64 also added to *sum; c (rows * cols of x). */
struct tr_tensor *grad_weigh(struct tr_tape *tp, struct tr_tensor *x, const float *c,
                             double *sum);

/* (f(2h), f(h), f(-h), f(-2h)) to the derivative at 0: fourth order in h. */
double grad_slope(const double f[4], double h);

/* A tape with the memory that build(ctx, tape) will want. */
struct tr_tape *grad_tape(enum tr_tape_mode mode, enum tr_recompute recompute,
                          struct tr_tensor *(*build)(void *ctx, struct tr_tape *tp),
                          void *ctx);

#endif
