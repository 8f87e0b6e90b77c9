/* SPDX-License-Identifier: MIT
 *
 * The line that `train` prints for every step.
 */
#ifndef CMDS_SHARED_PROGRESS_H
#define CMDS_SHARED_PROGRESS_H

#include <libtrain/checkpoint.h>

/* On standard error: on a terminal a line that is written over (status.h), of as many fields as
 * there are columns for, some ten times a second at most; anywhere else a message a step.
 * Nothing under -q. */
void cmd_progress(const struct tr_trainer *t, const struct tr_step_stats *s,
                  const struct tr_train_progress *p);

#endif
