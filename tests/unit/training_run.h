/* SPDX-License-Identifier: MIT
 *
 * A model, a pack and a trainer together; shared by the tests of training.  Whatever fails
 * here fails the test.  One thread: the models are too small for two.
 */
#ifndef TESTS_TRAINING_RUN_H
#define TESTS_TRAINING_RUN_H

#include <libtrain/checkpoint.h>
#include <libtrain/trainer.h>

/* Ten AdamW steps as the references were made: lr 1e-3, betas 0.9 0.95, decay 0.1 for all
 * weights; lr 2e-3, betas 0.9 0.999, no decay for an adapter.  Clip 1, batch 2, constant
 * rate, no shuffling. */
struct tr_train_args reference_args(const char *adapter_in);

struct training_run {
    struct tr_model *m;
    struct tr_pack *pack;
    struct tr_trainer *t;
};

struct training_run run_open(const char *model, const char *pack,
                             const struct tr_train_args *args);
/* The same on another number of threads than one. */
struct training_run run_open_on(int threads, const char *model, const char *pack,
                                const struct tr_train_args *args);
void run_close(struct training_run *r);
/* n steps; the last one's figures. */
struct tr_step_stats run_steps(struct training_run *r, int n);
/* Ten steps: losses and gradient norms of each, then the loss of what they lead to. */
double run_ten(struct training_run *r, double loss[10], double norm[10]);

/* Mean loss of a model, with an adapter unless that is NULL, over a pack; logits
 * (positions, n_vocab) are filled if not NULL. */
double run_eval(const char *model, const char *adapter, const char *pack,
                const struct tr_loss_kind *kind, float *logits);
/* The same of what is open. */
double run_eval_on(struct tr_model *m, struct tr_pack *pack, const struct tr_loss_kind *kind,
                   float *logits);

/* The whole file; *n bytes, the caller's. */
unsigned char *read_file(const char *path, size_t *n);

/* A copy of n numbers, the caller's. */
float *copy_of(const float *v, int64_t n);

/* |a - b|, |b| of n numbers, in f64. */
double distance(const float *a, const float *b, int64_t n);
double length(const float *b, int64_t n);

#endif
