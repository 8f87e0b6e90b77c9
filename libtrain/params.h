/* SPDX-License-Identifier: MIT
 *
 * Trainable parameters: one flat array of values and one of gradients, f32, and those of
 * the optimizer's state; the parameters themselves are tensors over them.
 *
 * Matrices and tables may be BF16 instead.  Then an update is computed in f32 and rounded
 * up or down at random, so that the mean is right: most updates are below half the
 * distance of two such numbers, and rounding to nearest would lose them.
 *
 * A struct tr_params owns the arrays and the tensors.
 */
#ifndef LIBTRAIN_PARAMS_H
#define LIBTRAIN_PARAMS_H

#include <libtrain/optim.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_params {
    size_t n, max_n;           /* parameters, and room for */
    int grads_in_step;         /* only of `shared` tensors are there gradients between two
                                  segments of a sweep (tr_tape_backward_each) */
    int bf16;                  /* matrices and tables are BF16 */
    struct tr_tensor **tensor; // (n)
    int64_t *offset;           // (n) of each in the arrays
    int64_t count;             /* numbers in each array */
    const struct tr_optim *optim;
    const double *option;            /* the values of its options, for `minimise`; NULL: the
                                        defaults; the caller's */
    float *value;                    // (count), or less if bf16; NULL before allocate
    uint16_t *packed;                /* what is BF16 */
    float *grad;                     // (count), or less if grads_in_step
    double *square;                  // (n) sums of squares of the gradients
    void *state[TR_OPTIM_MAX_STATE]; /* of the optimizer, in its types */
    int64_t *state_at[TR_OPTIM_MAX_STATE]; // (n + 1) entries before those of each parameter
    float *room; /* for updates of whole tensors */
    int averages;    /* set before tensors are added: there is a moving average, not with bf16 */
    float *average;  // (count) or NULL
};

/* Room for the descriptions of `max_n` parameters. */
int tr_params_init(struct tr_params *p, size_t max_n, const struct tr_optim *optim,
                   struct tr_err *err) TR_MUST_CHECK;
void tr_params_release(struct tr_params *p);

/* Declare t a parameter: f32 (or BF16) from now on, and it needs a gradient.  It has a
 * place in the arrays (rounded up to 16 numbers), but there are none yet.  t must outlive
 * p. */
void tr_params_add(struct tr_params *p, struct tr_tensor *t);

/* Make the arrays, all zero, and point every parameter's data and grad at its place.  They
 * are address space until touched. */
int tr_params_allocate(struct tr_params *p, struct tr_err *err) TR_MUST_CHECK;

/* Bytes of the values. */
int64_t tr_params_value_bytes(const struct tr_params *p);

/* Bytes of the array of gradients; whether tensors are shared must be known. */
int64_t tr_params_grad_bytes(const struct tr_params *p);

/* Bytes of all arrays of the optimizer's state, of the room its updates take and of the average. */
int64_t tr_params_state_bytes(const struct tr_params *p);

/* Parameter i's entries in array `which` of the optimizer's state, and how many; NULL and 0
 * if it has none there. */
void *tr_params_state(const struct tr_params *p, int which, size_t i);
int64_t tr_params_state_count(const struct tr_params *p, int which, size_t i);

/* Before the first forward pass of a step all gradients become empty; after its last
 * reverse sweep, and before anything below, those that nothing was added to become
 * zeros.  To empty between a forward pass and its reverse sweep, when the first part of a
 * gradient may be there already (tape.h), is fatal; tr_tape_reset gives up a forward
 * pass. */
void tr_params_empty_grads(struct tr_params *p);
void tr_params_settle_grads(struct tr_params *p);

/* L2 norm of all gradients (of theta where a tensor is -exp(theta)); the sum runs in f64 over fixed pieces in fixed order.  Not
 * finite if any gradient is not. */
double tr_params_grad_norm(struct tr_params *p);

/* For gradients that are not there at once: note the sum of squares of parameter i's, which
 * is returned; the norm of all that were noted.  The bits are those of the norm above. */
double tr_params_note_grad(struct tr_params *p, size_t i);
double tr_params_noted_norm(const struct tr_params *p);

/* Note the sums of squares of the gradients in p->grad. */
void tr_params_note_grads(struct tr_params *p);

/* Take the gradients in p->grad away from their tensors, so that a sweep leaves them as
 * they are, or give them back. */
void tr_params_hide_grads(struct tr_params *p, int hide);

/* 1 if all values are finite. */
int tr_params_finite(const struct tr_params *p);

/* One optimizer update of all parameters; decay on tensors of two or more dimensions. */
void tr_params_update(struct tr_params *p, const struct tr_optim_step *step);
/* Of parameter i alone. */
void tr_params_update_one(struct tr_params *p, size_t i, const struct tr_optim_step *step);

/* By an optimizer that has `minimise`: go down the loss of one batch, which is `loss` where
 * the parameters are now, and of which the gradients are there. */
void tr_params_minimise(struct tr_params *p, double loss, const struct tr_optim_ask *ask);

/* The moving average, where p->averages: it begins as the parameters are, and moves after an
 * update, average += (1 - decay) * (parameter - average).  Its numbers and the parameter's own of
 * tensor i, whichever of the two the tensor shows; NULL for the first without an average. */
void tr_params_begin_average(struct tr_params *p);
void tr_params_move_average(struct tr_params *p, double decay);
float *tr_params_average_of(const struct tr_params *p, size_t i);
float *tr_params_value_of(const struct tr_params *p, size_t i);
/* Let all tensors show their average, or what is trained again: before the next update. */
void tr_params_use_average(struct tr_params *p, int use);

#ifdef __cplusplus
}
#endif
#endif
