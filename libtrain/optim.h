/* SPDX-License-Identifier: MIT
 *
 * Optimizers and learning-rate schedules: const structs, found by name.  Each brings its
 * own options (option.h).
 */
#ifndef LIBTRAIN_OPTIM_H
#define LIBTRAIN_OPTIM_H

#include <libtrain/dtype.h>
#include <libtrain/option.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_optim_step {
    double lr;
    const double *option; /* values of the optimizer's options, in its order; NULL to
                             tr_params_update: the defaults */
    double weight_decay; /* 0 for tensors that are not decayed */
    double grad_scale;   /* clipping: multiplies every gradient */
    int64_t t;           /* number of this update, from 1 */
    uint32_t key;        /* names this update to tr_hash32, for stochastic rounding */
    uint32_t first;      /* number of the first parameter of a call, among all */
    double rms;          /* to a `whole` that asks: root of the mean square of the numbers */
};

enum { TR_OPTIM_MAX_STATE = 4, TR_OPTIM_BLOCK = 256 };
/* What one entry of state stands for, where it is not so many consecutive numbers: */
enum { TR_OPTIM_ROW = -1, TR_OPTIM_COL = -2 };
/* Which tensors have it: all, those that `whole` updates as matrices, the others. */
enum tr_optim_of { TR_OPTIM_ALL, TR_OPTIM_MATRICES, TR_OPTIM_REST };

/* An array of state: one entry for `per` consecutive numbers of a tensor, 1 or
 * TR_OPTIM_BLOCK, or for a row or a column of each of its matrices. */
struct tr_optim_state {
    const char *suffix; /* behind the parameter's name in a checkpoint */
    const struct tr_dtype *dtype;
    int per;
    int never_negative; /* of f32: a number below 0 shows a damaged checkpoint */
    enum tr_optim_of of;
};

/* A tensor as matrices: `n` of them, (rows, cols) each, one behind the other.  What is none
 * is one row. */
struct tr_optim_shape {
    int64_t n, rows, cols;
};

/* How an optimizer asks for the loss where the parameters are now: their gradients are there
 * then, and the same batch is meant until it returns.  NAN: there is none, or none that is
 * finite. */
struct tr_optim_ask {
    double (*loss)(void *ctx);
    void *ctx;
};

struct tr_params;

struct tr_optim {
    const char *name;
    const struct tr_option *option;
    int n_state;
    struct tr_optim_state state[TR_OPTIM_MAX_STATE];
    /* Update n consecutive numbers of one tensor, from a multiple of TR_OPTIM_BLOCK on:
     * param and grad (n), state[i] the entries for them in array i, all zero before the
     * first update.  Numbers of different blocks do not know of each other, so the result
     * does not depend on who else works at the same time; called from parallel regions. */
    void (*step)(const struct tr_optim_step *s, int64_t n, float *param, const float *grad,
                 void *const *state);
    /* Optimizers for which the numbers of a tensor are not alone: what is to be taken away
     * from them after their decay, `change` (as many as the tensor has), of all at once; NULL:
     * there is only `step`.  `room` (room) numbers are scratch.  Called from outside parallel
     * regions. */
    void (*whole)(const struct tr_optim_step *s, const struct tr_optim_shape *shape,
                  const float *grad, void *const *state, float *change, float *room);
    int64_t (*room)(const struct tr_optim_shape *shape); /* NULL: none */
    int linear; /* `whole` is for linear maps, `step` for the rest; else it is for all */
    int asks_rms; /* `whole` wants s->rms, which reads all numbers */
    /* Optimizers that go down the loss of one batch by themselves, in place of `step`: from
     * parameters of which loss and gradient are there, all f32, with the values of the
     * options and p->room, which holds room_of_all numbers for n of them.  They take no rate
     * and no decay. */
    void (*minimise)(struct tr_params *p, const double *option, double loss,
                     const struct tr_optim_ask *ask);
    int64_t (*room_of_all)(int64_t n, const double *option);
};

/* "adamw", "muon" …; NULL if there is none of this name. */
const struct tr_optim *tr_optim_by_name(const char *name);
const struct tr_optim *tr_optim_at(int i); /* i = 0, 1, … until NULL */

struct tr_schedule_table; /* of tr_schedule_open */

struct tr_schedule_place {
    double progress;          /* since the warm-up: from 0 to below 1 */
    int64_t k, warmup, total; /* the update, from 1; of the warm-up; of the run */
    const struct tr_schedule_table *table; /* the schedule's */
};

struct tr_schedule {
    const char *name;
    const struct tr_option *option;
    /* Factor on the learning rate after warm-up; option holds the values of the schedule's
     * options. */
    double (*factor)(const struct tr_schedule_place *at, const double *option);
    int warms; /* it says what the rate is during the warm-up too, where progress is 0 */
    const struct tr_schedule_table *table; /* of a schedule from a file; NULL: of the others */
};

/* "cosine", "wsd" …; NULL if there is none of this name. */
const struct tr_schedule *tr_schedule_by_name(const char *name);
const struct tr_schedule *tr_schedule_at(int i);

/* A schedule from a file: lines of a step, from 1, and a value, as two words, steps rising; in
 * front of them "step factor", values that multiply the learning rate, or "step rate", which are
 * rates whatever that is.  Lines that begin with # and empty ones mean nothing.  It says the
 * warm-up too.  NULL on failure, which names file and line; tr_schedule_close, when no run has
 * it any more. */
const struct tr_schedule *tr_schedule_open(const char *path,
                                           struct tr_err *err) TR_MUST_CHECK;
void tr_schedule_close(const struct tr_schedule *s);
uint64_t tr_schedule_hash(const struct tr_schedule *s); /* of its rows; 0: it is of no file */

/* Learning rate of update k = 1 … total: linear from lr / warmup up to lr over the first
 * `warmup` updates, which may be more than there are (but for a schedule that warms), then
 * lr times the schedule's factor. */
double tr_schedule_lr(const struct tr_schedule *s, const double *option, double lr,
                      int64_t warmup, int64_t total, int64_t k);

#ifdef __cplusplus
}
#endif
#endif
