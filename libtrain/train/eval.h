/* SPDX-License-Identifier: MIT: what the files of evaluation share */
#ifndef LIBTRAIN_TRAIN_EVAL_H
#define LIBTRAIN_TRAIN_EVAL_H

#include <libtrain/eval.h>

const struct tr_model *tr__eval_model(const struct tr_eval *e);

/* Let e compute with these values of its loss's options, not the defaults. */
void tr__eval_options(struct tr_eval *e, const double *option);

#endif
