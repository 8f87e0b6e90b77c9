/* SPDX-License-Identifier: MIT
 *
 * The arguments of a run beyond what a user sees of them: how each is written where a
 * checkpoint says what must be the same for the run to go on.
 */
#ifndef LIBTRAIN_TRAIN_ARGS_INNER_H
#define LIBTRAIN_TRAIN_ARGS_INNER_H

#include <libtrain/train/run.h>

#include <stdio.h>

/* Argument i as the public walk has it; its line in the description, or NULL if it may
 * change when a run goes on. */
struct tr__arg {
    struct tr_train_arg arg;
    const char *line;
    /* Write what is behind "line=" where that is not simply the value in the run's
     * arguments; NULL: it is. */
    void (*write)(FILE *f, const struct tr_trainer *t);
};

const struct tr__arg *tr__arg_at(int i);

/* The number that a holds for an argument; 0 if it is none. */
int tr__arg_number(const struct tr_train_args *a, const struct tr_train_arg *arg,
                   double *v);

/* The option of this name that what a has chosen brings, or NULL. */
const struct tr_option *tr__arg_option(const struct tr_train_args *a, const char *name);

/* The choice that a holds for a CHOICE argument. */
const void *tr__arg_choice(const struct tr_train_args *a, const struct tr_train_arg *arg);

#endif
