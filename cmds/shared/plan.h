/* SPDX-License-Identifier: MIT
 *
 * What `train` says of the plan of a run.
 */
#ifndef CMDS_SHARED_PLAN_H
#define CMDS_SHARED_PLAN_H

#include <libtrain/trainer.h>

/* One line on standard error: megabytes by what they are for. */
void cmd_plan_say(const struct tr_plan *p);

/* The table of `train --plan` on standard output, TSV with a header: bytes by what they are
 * for, and an estimate of the time of a step, for which a matrix product is measured. */
void cmd_plan_print(const struct tr_trainer *t);

#endif
