/* SPDX-License-Identifier: MIT
 *
 * Tables that a training writes on the way: TSV, a header, rows that begin with the step.
 */
#ifndef CMDS_SHARED_STEP_TABLE_H
#define CMDS_SHARED_STEP_TABLE_H

#include <libtrain/error.h>

#include <stdint.h>
#include <stdio.h>

/* Begin the table at `path` ("-": standard output) with this header, or, in a run that goes on
 * from step first_step, go on with it: rows up to that step are kept, so that none is left
 * out and none is there twice.  NULL on failure. */
FILE *cmd_step_table_open(const char *path, const char *header, int64_t first_step,
                          struct tr_err *err) TR_MUST_CHECK;

/* Bring out what was written.  If that cannot be, a warning ends the table, *f is NULL: no
 * reason to lose the training. */
void cmd_step_table_flush(FILE **f, const char *path);
void cmd_step_table_close(FILE **f);

#endif
