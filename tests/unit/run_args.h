/* SPDX-License-Identifier: MIT
 *
 * Arguments of a run as text, so that a run is a cell of a table.
 */
#ifndef TESTS_RUN_ARGS_H
#define TESTS_RUN_ARGS_H

#include <libtrain/trainer.h>

/* The reference's arguments for all weights (training_run.h), then word by word
 * "field=value" of struct tr_train_args, or a number of what was chosen ("beta1=0.8"),
 * kinds by their names; "lora" is a new adapter of rank 4 that learns fast.  Fails the
 * test where a kind is not there. */
struct tr_train_args run_args(const char *words);

/* The same to arguments that are there already. */
void run_args_change(struct tr_train_args *a, const char *words);

#endif
