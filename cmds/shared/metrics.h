/* SPDX-License-Identifier: MIT
 *
 * The tables that `train --log` and `--metrics` write: a row a step, TSV with a header, and an
 * object a line with the same numbers.
 */
#ifndef CMDS_SHARED_METRICS_H
#define CMDS_SHARED_METRICS_H

#include <libtrain/checkpoint.h>

#include <stdio.h>

struct cmd_metrics { /* {0}: no table, every call does nothing */
    const char *path, *json_path;
    FILE *file, *json;
    char columns[240];
    int balance; /* the run has a balance loss, which is a further column */
    int answers; /* it looks at answers: margin and accuracy are the last two, behind
                  those of held-out ones */
};

/* Begin the tables at `path` and `json` ("-": standard output, NULL: none).  Of older ones the rows up
 * to first_step are kept, so that a run that goes on leaves no step out and none twice.
 * t->balance and t->answers are the caller's. */
int cmd_metrics_open(struct cmd_metrics *t, const char *path, const char *json,
                     int64_t first_step, struct tr_err *err) TR_MUST_CHECK;

/* A row of a run of `total` steps.  If it cannot be written, a warning ends the table: no reason to lose the
 * training. */
void cmd_metrics_add(struct cmd_metrics *t, const struct tr_step_stats *s,
                     const struct tr_train_progress *p, int64_t total);

void cmd_metrics_close(struct cmd_metrics *t);

#endif
