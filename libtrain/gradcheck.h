/* SPDX-License-Identifier: MIT
 *
 * Is the gradient of an operation, or of anything made of operations, right?  It is
 * compared with differences of the function itself:
 *
 *     static struct tr_tensor *f(void *ctx, struct tr_tape *tp, struct tr_tensor **in)
 *     {
 *         return square(tp, in[0]);
 *     }
 *     ...
 *     struct tr_gradcheck check = { .name = "square", .f = f,
 *                                   .in = { { .rows = 3, .cols = 5 } } };
 *     if (tr_gradcheck(&check, &err))
 *         puts(err.text);
 */
#ifndef LIBTRAIN_GRADCHECK_H
#define LIBTRAIN_GRADCHECK_H

#include <libtrain/error.h>
#include <libtrain/tape.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_GRADCHECK_MAX_IN = 8 };

/* Its numbers are drawn evenly between low and high; if these are equal, from -1 to 1. */
struct tr_gradcheck_input {
    int64_t rows, cols; /* rows 0: a vector of cols numbers; cols 0: no such input */
    float low, high;
    int whole; /* the function does not take a view of columns of something wider for it */
};

struct tr_gradcheck {
    const char *name; /* for messages */
    /* The function, inside one segment of tp; smooth where numbers are drawn. */
    struct tr_tensor *(*f)(void *ctx, struct tr_tape *tp, struct tr_tensor **in);
    void *ctx;
    struct tr_gradcheck_input in[TR_GRADCHECK_MAX_IN];
    float step;       /* of the differences, a power of two; 0: 1/16 */
    double tolerance; /* of a gradient, beside itself and the mean of all; 0: 1e-3 */
    /* For a function that is a loss and takes only 1 for its gradient, as tr_output_loss:
     * where it adds its sum in f64, and the factor between that and its result.  Of others
     * the check takes a sum with weights. */
    double *loss;
    double loss_scale;
};

/* 0 if the gradient of every element of every input is as the differences say, for every
 * choice of inputs that need one, for inputs that are views, for gradients that are empty
 * and that are not, and to the bit however much is computed again.  Else TR_EMISMATCH and
 * what is wrong; or the failure of the tape.  The work is that of some thousand calls. */
int tr_gradcheck(const struct tr_gradcheck *c, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
