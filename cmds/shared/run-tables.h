/* SPDX-License-Identifier: MIT
 *
 * Tables that a run leaves behind, for people.
 */
#ifndef CMDS_SHARED_RUN_TABLES_H
#define CMDS_SHARED_RUN_TABLES_H

#include <libtrain/error.h>

#include <stdio.h>

/* Each row of a table of `perplexity --label`.  TR_EFORMAT, with the line,
 * if it is none. */
int cmd_eval_each(const char *path,
                  void (*row)(void *ctx, const char *label, double loss, double perplexity),
                  void *ctx, struct tr_err *err) TR_MUST_CHECK;

/* A table of `perplexity --label`, in columns.  TR_EFORMAT, with the line, if it is none;
 * then nothing was printed. */
int cmd_eval_print(FILE *f, const char *path, struct tr_err *err) TR_MUST_CHECK;
/* The same of a test set. */
int cmd_test_print(FILE *f, const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Steps, time and memory of `train --log`, and where answers were compared their margins. */
int cmd_metrics_print(FILE *f, const char *path, struct tr_err *err) TR_MUST_CHECK;

#endif
