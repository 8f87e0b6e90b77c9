/* SPDX-License-Identifier: MIT
 *
 * Commands that go on from a finished run.
 */
#ifndef CMDS_SHARED_NEXT_STEPS_H
#define CMDS_SHARED_NEXT_STEPS_H

#include "table.h"

#include <limits.h>
#include <stdio.h>

struct cmd_run {
    const char *model;       /* that the training started from */
    const char *folder;      /* of the run, without a slash at its end */
    const char *front;       /* words that began it: "finetune", "make finetune" */
    struct cmd_list data;    /* files that it was trained on; none: not known */
    struct cmd_list knob;    /* NAME=VALUE that the user gave beside them */
    double epochs;           /* 0: not known */
    int64_t steps;           /* 0: as many as the epochs took */
    int is_chat;             /* the model has a chat template */
    int is_coarse;           /* in its types an adapter's changes would be lost */
    char tools[PATH_MAX];    /* what stands in front of the names of our commands */
};

/* The path of a file of the run in `path`, which is returned; NULL if there is none. */
const char *cmd_run_file(const struct cmd_run *run, const char *name, char path[PATH_MAX]);

/* What argv[0] of one command says of the others: "bin/", "tr-", or nothing for a folder in
 * PATH. */
void cmd_run_tools(char tools[PATH_MAX], const char *argv0, const char *own_name);

/* Two lines each: words, and a command that works when it is pasted. */
void cmd_next_steps_print(FILE *f, const struct cmd_run *run);

/* "out" of "runs/out"; a path that ends with a slash is given back whole. */
const char *cmd_last_part(const char *path);

#endif
