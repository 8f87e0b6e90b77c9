/* SPDX-License-Identifier: MIT: what a run knows of its data from elsewhere */
#ifndef LIBTRAIN_TRAIN_ASKED_H
#define LIBTRAIN_TRAIN_ASKED_H

#include <libtrain/train/said.h>
#include <libtrain/trainer.h>

/* What other models said of the pack, whole or of its first sequences (asked.c). */
struct tr__asked {
    struct tr__said reference, teacher; /* {0}: there is none */
    const float *log_p;                 /* reference's: an answer each */
    struct tr_tops top;                 /* teacher's; `at` for the rows of a step */
    int64_t *at;                        // (extent.step_rows)
};

/* Rewards of answers to one prompt (groups.c). */
struct tr__group {
    double mean, deviation;
};
struct tr__groups {
    int64_t *first;       // (n_seq + 1) answers before those of each sequence
    struct tr__group *of; // (all answers)
};

/* Open what the arguments name; say where the teacher's rows of a sequence are that was put
 * at row `row` of the step; give the reference of answer i of sequence i_seq. */
int tr__asked_open(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
void tr__asked_close(struct tr__asked *a);
int tr__asked_place(struct tr_trainer *t, uint64_t i_seq, const struct tr_pack_seq *seq,
                    int64_t row, struct tr_err *err) TR_MUST_CHECK;
double tr__asked_reference(const struct tr_trainer *t, uint64_t i_seq, int64_t i);
/* 1 if the objective asks a reference. */
int tr__asks_reference(const struct tr_train_args *a);
/* Find the groups of all answers of the pack; TR_EFORMAT if no rewards differ. */
int tr__groups_open(struct tr_trainer *t, struct tr_err *err) TR_MUST_CHECK;
void tr__groups_close(struct tr__groups *g);

#endif
