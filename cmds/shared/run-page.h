/* SPDX-License-Identifier: MIT
 *
 * What came of a run, or of several side by side, as one page for a browser.
 */
#ifndef CMDS_SHARED_RUN_PAGE_H
#define CMDS_SHARED_RUN_PAGE_H

#include "next-steps.h"

#include <libtrain/error.h>

/* A page about one run.  `verdict`: what report says of it; NULL: nothing.  A file that is
 * damaged is told by `err`, the others are on the page all the same. */
int cmd_run_page(FILE *f, const struct cmd_run *run, const char *verdict,
                 struct tr_err *err) TR_MUST_CHECK;

/* A page about n folders of runs: one table and the curves of all. */
int cmd_runs_page(FILE *f, const struct cmd_run *run, size_t n,
                  struct tr_err *err) TR_MUST_CHECK;
/* The table alone, as TSV: a row a run, in the order given; what a run does not say is a dash. */
int cmd_runs_table(FILE *f, const struct cmd_run *run, size_t n,
                   struct tr_err *err) TR_MUST_CHECK;

#endif
