/* SPDX-License-Identifier: MIT
 *
 * The line that `train` prints for every step.
 */
#ifndef CMDS_SHARED_PROGRESS_H
#define CMDS_SHARED_PROGRESS_H

#include <libtrain/checkpoint.h>

/* On standard error, on a terminal always the same line; nothing under -q. */
void cmd_progress(const struct tr_trainer *t, const struct tr_step_stats *s,
                  const struct tr_train_progress *p);

/* Let the next message begin a line of its own. */
void cmd_progress_end(void);

#endif
