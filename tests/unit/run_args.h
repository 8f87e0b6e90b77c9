/* SPDX-License-Identifier: MIT
 *
 * Arguments of a run as text, so that a run is a cell of a table.
 */
#ifndef TESTS_RUN_ARGS_H
#define TESTS_RUN_ARGS_H

#include <libtrain/trainer.h>

/* The reference's arguments for all weights (training_run.h), then word by word
 * "field=value" of struct tr_train_args, kinds by their names; "lora" is a new adapter of
 * rank 4 that learns fast.  Fails the test where a word means nothing. */
struct tr_train_args run_args(const char *words);

#endif
