/* SPDX-License-Identifier: MIT
 *
 * What a model says to fixed prompts while it is trained: `train --prompts`.
 */
#ifndef CMDS_SHARED_SAMPLES_H
#define CMDS_SHARED_SAMPLES_H

#include "prompts.h"

#include <libtrain/generate.h>
#include <libtrain/trainer.h>

#include <stdio.h>

struct cmd_samples { /* {0}: no samples, every call does nothing */
    const char *prompt_file, *path; /* the prompts; the table, TSV */
    int64_t every, n;               /* steps; tokens of a sample at most */
    int ask;                        /* prompts are what a user says */
    const char *template;           /* then: argument of --chat-template, or NULL */
    struct tr_tokenizer *tok;
    struct cmd_prompts prompts;
    struct tr_generator *gen;
    FILE *file;
    char *said; /* the sample in hand */
    size_t n_said, cap_said;
};

/* Read the prompts for this model; what samples will take goes into the arguments of the run,
 * for its plan. */
int cmd_samples_prepare(struct cmd_samples *s, const struct tr_model *m,
                        struct tr_train_args *args, struct tr_err *err) TR_MUST_CHECK;

/* Make what samples take, and begin the table as cmd_step_table_open does. */
int cmd_samples_open(struct cmd_samples *s, struct tr_model *m, int64_t first_step,
                     struct tr_err *err) TR_MUST_CHECK;

/* Rows, one a prompt, of the model as it is after this step: the likeliest token every time,
 * so that they differ by what was learned alone.  What fails is a warning, once, and the end
 * of the samples. */
void cmd_samples_take(struct cmd_samples *s, int64_t step);

void cmd_samples_close(struct cmd_samples *s);

#endif
