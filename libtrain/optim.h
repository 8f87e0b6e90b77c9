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
};

enum { TR_OPTIM_MAX_STATE = 4, TR_OPTIM_BLOCK = 256 };

/* An array of state: one entry for `per` consecutive numbers of a tensor, 1 or
 * TR_OPTIM_BLOCK. */
struct tr_optim_state {
    const char *suffix; /* behind the parameter's name in a checkpoint */
    const struct tr_dtype *dtype;
    int per;
    int never_negative; /* of f32: a number below 0 shows a damaged checkpoint */
};

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
};

/* "adamw", "adamw8", "sgd"; NULL if there is none of this name. */
const struct tr_optim *tr_optim_by_name(const char *name);
const struct tr_optim *tr_optim_at(int i); /* i = 0, 1, … until NULL */

struct tr_schedule {
    const char *name;
    const struct tr_option *option;
    /* Factor on the learning rate after warm-up; progress runs from 0 to below 1, option
     * holds the values of the schedule's options. */
    double (*factor)(double progress, const double *option);
};

/* "cosine", "linear", "constant"; NULL if there is none of this name. */
const struct tr_schedule *tr_schedule_by_name(const char *name);
const struct tr_schedule *tr_schedule_at(int i);

/* Learning rate of update k = 1 … total: linear from lr / warmup up to lr over the first
 * `warmup` updates, which may be more than there are, then lr times the schedule's
 * factor. */
double tr_schedule_lr(const struct tr_schedule *s, const double *option, double lr,
                      int64_t warmup, int64_t total, int64_t k);

#ifdef __cplusplus
}
#endif
#endif
