/* SPDX-License-Identifier: MIT: what the files of evaluation share */
#ifndef LIBTRAIN_TRAIN_EVAL_H
#define LIBTRAIN_TRAIN_EVAL_H

#include <libtrain/eval.h>

const struct tr_model *tr__eval_model(const struct tr_eval *e);

#endif
