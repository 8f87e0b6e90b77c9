/* SPDX-License-Identifier: MIT: what the files of evaluation share */
#ifndef LIBTRAIN_TRAIN_EVAL_H
#define LIBTRAIN_TRAIN_EVAL_H

#include <libtrain/eval.h>

const struct tr_model *tr__eval_model(const struct tr_eval *e);
/* tr_vocab_hash of its file. */
uint64_t tr__eval_vocab_hash(const struct tr_eval *e);

/* So many of all positions that have a target are measured. */
void tr__eval_tell(const struct tr_eval *e, uint64_t done, uint64_t total);

/* Let e compute with these values of its loss's options, not the defaults. */
void tr__eval_options(struct tr_eval *e, const double *option);

/* Compute on the tape of a training between its steps, instead of on one of its own.  The
 * tape is the caller's and must outlive e. */
void tr__eval_lend(struct tr_eval *e, struct tr_tape *tp);

/* The loss of each row of a batch, whatever number it is. */
int tr__eval_row_losses(struct tr_eval *e, const struct tr_batch *batch, float *row_loss,
                        struct tr_err *err) TR_MUST_CHECK;

/* Logits of the rows of a batch that count: (how many, n_vocab). */
int tr__eval_counted(struct tr_eval *e, const struct tr_batch *batch, float *logits,
                     struct tr_err *err) TR_MUST_CHECK;

/* Fill *top of the rows of a batch that count. */
int tr__eval_tops(struct tr_eval *e, const struct tr_batch *batch, const struct tr_tops *top,
                  struct tr_err *err) TR_MUST_CHECK;

/* TR_EMISMATCH for an id that the model does not have. */
int tr__check_ids(const uint32_t *id, size_t n, const struct tr_model *m,
                  struct tr_err *err) TR_MUST_CHECK;

/* Chunks that the text has, of ids that the model has: 0, or the reason against it. */
int tr__chunks_check(const struct tr_text_ids *x, const struct tr_chunks *c,
                     const struct tr_model *m, struct tr_err *err) TR_MUST_CHECK;
/* The ids of chunk i of c: token (ctx). */
void tr__chunk_ids(const struct tr_text_ids *x, const struct tr_chunks *c, int64_t i,
                   int32_t *token);

#endif
