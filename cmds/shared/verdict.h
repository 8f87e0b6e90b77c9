/* SPDX-License-Identifier: MIT
 *
 * What came of a training, in words.
 */
#ifndef CMDS_SHARED_VERDICT_H
#define CMDS_SHARED_VERDICT_H

#include <libtrain/eval.h>

#include <stdio.h>

/* Two or three lines: better, worse, neither, or not enough text to tell, and the numbers.
 * color: the first words have one. */
void cmd_verdict_print(FILE *f, const struct tr_loss_change *c, int color);

#endif
