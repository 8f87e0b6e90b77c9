/* SPDX-License-Identifier: MIT
 *
 * What a command cannot do without.
 */
#ifndef CMDS_SHARED_MISSING_H
#define CMDS_SHARED_MISSING_H

#include "table.h"

/* Ends with CMD_USAGE, and the names of what is missing and of an operand too many, unless
 * all that cmd needs was given.  After the options have been read. */
void cmd_check_given(const struct cmd *cmd, char *const *operand, int n_operand);

#endif
