/* SPDX-License-Identifier: MIT
 *
 * The line that `train` prints for every step.
 */
#ifndef CMDS_SHARED_PROGRESS_H
#define CMDS_SHARED_PROGRESS_H

#include <libtrain/trainer.h>

/* On standard error, on a terminal always the same line; nothing under -q.  val_loss NAN:
 * not measured in this step.  seconds_left: to the end of the run. */
void cmd_progress(const struct tr_trainer *t, const struct tr_step_stats *s,
                  double val_loss, double tokens_per_s, double seconds_left);

#endif
