/* SPDX-License-Identifier: MIT
 *
 * Rows of training data on their way to tokens: where they go, what is said of them.
 */
#ifndef CMDS_SHARED_ROWS_H
#define CMDS_SHARED_ROWS_H

#include "table.h"

#include <libtrain/prepare.h>

#include <stdio.h>

/* "prompt=frage" of --key: what a form calls prompt stands in the column frage.  Sets key
 * and n_key of *o, which point into the list; release them also after a failure. */
int cmd_keys_read(struct tr_source_options *o, const struct cmd_list *list,
                  struct tr_err *err) TR_MUST_CHECK;
void cmd_keys_release(struct tr_source_options *o);

struct cmd_rows { /* all zero and then filled in by the command */
    struct tr_prepare p;
    const char *model;   /* for messages */
    int render, show;    /* instead of tokens: to f */
    int colour;          /* with show */
    uint64_t skip_bad;   /* bad rows that are allowed */
    uint64_t max_rows;   /* how many are read in all */
    FILE *f;
    int64_t done, size; /* bytes of earlier sources, and of all; 0: not known (job.h) */
    /* Where documents go; NULL: nowhere. */
    int (*document)(void *arg, const struct tr_document *d, struct tr_err *err);
    void *arg;
    struct tr_prepare_stats stats;
};

/* Add all rows of a source. */
int cmd_rows_add(struct cmd_rows *r, struct tr_source *s, struct tr_err *err) TR_MUST_CHECK;
/* After the last: a failure if there were rows and nothing of them is trained. */
int cmd_rows_check(const struct cmd_rows *r, struct tr_err *err) TR_MUST_CHECK;
/* What is odd in them, as warnings, and the table: on standard error, or with `alone` on
 * standard output. */
void cmd_rows_tell(const struct cmd_rows *r, int alone);

#endif
