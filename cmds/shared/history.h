/* SPDX-License-Identifier: MIT
 *
 * What a command was told to do, as a line for the history of the file that it writes: its name
 * and its options with their values in the order in which they were given, but no name of a
 * file, so that it tells nothing of the machine and the same work gives the same bytes.
 */
#ifndef CMDS_SHARED_HISTORY_H
#define CMDS_SHARED_HISTORY_H

#include "table.h"

#define CMD_NO_HISTORY(ptr) \
    CMD_FLAG(0, "no-history", ptr, "add no line to the history that the file has of itself")

/* The line; it stays.  NULL if `not`. */
const char *cmd_history(const struct cmd *cmd, int not);

/* For options.c: an option of the command was given, with a value if it takes one. */
void cmd_history_note(const struct cmd_opt *opt, const char *value);

#endif
