/* SPDX-License-Identifier: MIT
 *
 * The table that `perplexity --losses` writes and `report` reads: a row a sequence, in the
 * order of the pack.
 */
#ifndef CMDS_SHARED_LOSSES_H
#define CMDS_SHARED_LOSSES_H

#include <libtrain/eval.h>

#include <stdio.h>

void cmd_losses_print(FILE *f, const struct tr_sequence_loss *seq, uint64_t n);

struct cmd_losses { /* {0}: none */
    struct tr_sequence_loss *seq; // (n)
    uint64_t n;
};

/* TR_EFORMAT, with the line, for what is no such table. */
int cmd_losses_read(struct cmd_losses *t, const char *path,
                    struct tr_err *err) TR_MUST_CHECK;
void cmd_losses_release(struct cmd_losses *t);

#endif
