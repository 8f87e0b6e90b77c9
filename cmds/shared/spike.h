/* SPDX-License-Identifier: MIT
 *
 * Steps of a training that stand out: their rows.
 */
#ifndef CMDS_SHARED_SPIKE_H
#define CMDS_SHARED_SPIKE_H

#include <libtrain/trainer.h>

/* Warn of a step whose loss is a spike or that was not finite, with how the documents of its
 * sequences begin; the pack is the run's, between two steps. */
void cmd_spike_say(const struct tr_trainer *t, const struct tr_step_stats *s,
                   struct tr_pack *pack, const struct tr_model *m);

#endif
