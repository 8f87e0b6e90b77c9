/* SPDX-License-Identifier: MIT: what the files of evaluation share */
#ifndef LIBTRAIN_TRAIN_EVAL_H
#define LIBTRAIN_TRAIN_EVAL_H

#include <libtrain/eval.h>

const struct tr_model *tr__eval_model(const struct tr_eval *e);

/* So many of all positions that have a target are measured. */
void tr__eval_tell(const struct tr_eval *e, uint64_t done, uint64_t total);

/* Let e compute with these values of its loss's options, not the defaults. */
void tr__eval_options(struct tr_eval *e, const double *option);

/* Compute on the tape of a training between its steps, instead of on one of its own.  The
 * tape is the caller's and must outlive e. */
void tr__eval_lend(struct tr_eval *e, struct tr_tape *tp);

#endif
