/* SPDX-License-Identifier: MIT
 *
 * The options for programs to read.
 */
#ifndef CMDS_SHARED_OPTION_TABLE_H
#define CMDS_SHARED_OPTION_TABLE_H

#include "table.h"

/* What a command prints for this word alone, which --help does not list. */
#define CMD_PRINT_OPTIONS "--print-options"

/* One line an option on standard output, with tabs between letter (- for none), name, kind
 * (flag, text, number, choice), choices with blanks between them, and help. */
void cmd_print_options(const struct cmd *cmd, const struct cmd_opt *common);

#endif
