/* SPDX-License-Identifier: MIT
 *
 * Optimizers and learning-rate schedules: const structs, found by name.
 */
#ifndef LIBTRAIN_OPTIM_H
#define LIBTRAIN_OPTIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_optim_step {
    double lr, beta1, beta2, eps;
    double weight_decay; /* 0 for tensors that are not decayed */
    double grad_scale;   /* clipping: multiplies every gradient */
    int64_t t;           /* number of this update, from 1 */
};

struct tr_optim {
    const char *name;
    int n_moment; /* arrays of state per parameter: 0 to 2 */
    /* Update n parameters; m and v are its state, NULL where there is none.  Elementwise:
     * the result does not depend on the number of threads. */
    void (*step)(const struct tr_optim_step *s, int64_t n, float *param, const float *grad,
                 float *m, float *v);
};

/* "adamw", "sgd"; NULL if there is none of this name. */
const struct tr_optim *tr_optim_by_name(const char *name);
const struct tr_optim *tr_optim_at(int i); /* i = 0, 1, … until NULL */

struct tr_schedule {
    const char *name;
    /* Factor on the learning rate after warm-up; progress runs from 0 to below 1. */
    double (*factor)(double progress);
};

/* "constant", "linear", "cosine"; NULL if there is none of this name. */
const struct tr_schedule *tr_schedule_by_name(const char *name);
const struct tr_schedule *tr_schedule_at(int i);

/* Learning rate of update k = 1 … total: linear from lr / warmup up to lr over the first
 * `warmup` updates, then lr times the schedule's factor. */
double tr_schedule_lr(const struct tr_schedule *s, double lr, int64_t warmup,
                      int64_t total, int64_t k);

#ifdef __cplusplus
}
#endif
#endif
