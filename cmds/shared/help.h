/* SPDX-License-Identifier: MIT
 *
 * The pages of --help and --version, on standard output.
 */
#ifndef CMDS_SHARED_HELP_H
#define CMDS_SHARED_HELP_H

#include "table.h"

#include <libtrain/error.h>

/* The command's options, then those in `common`, with the defaults that the variables
 * hold now. */
void cmd_print_help(const struct cmd *cmd, const struct cmd_opt *common);
void cmd_print_version(int threads);

/* Append to a text of n bytes; what does not fit is cut. */
void cmd_append(char *text, size_t n, const char *fmt, ...) TR_PRINTF(3, 4);
/* The same for words, parted by blanks, in lines of 80 columns: the first begins in column
 * `indent`, and so do the others. */
void cmd_append_wrapped(char *text, size_t n, int indent, const char *words);

#endif
