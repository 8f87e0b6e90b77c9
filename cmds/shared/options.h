/* SPDX-License-Identifier: MIT
 *
 * Between common.c and options.c; commands include only common.h.
 */
#ifndef CMDS_SHARED_OPTIONS_H
#define CMDS_SHARED_OPTIONS_H

#include "table.h"

/* The options that every command has. */
struct cmd_common {
    int64_t threads; /* 0: not given */
    int quiet, help, version;
    struct cmd_list settings; /* files of `@FILE` that were read */
};

/* Read argv from argv[begin] on, and the files that it names, into the variables of the
 * command's table and *common.  Returns the operands, NULL behind them.  Prints the help and
 * ends if that is asked for, ends with CMD_USAGE if something is wrong, CMD_FAIL for a file
 * of settings; then no variable has changed yet or all may have. */
char **cmd_options_read(const struct cmd *cmd, struct cmd_common *common, int begin,
                        int argc, char **argv, int *n_operand);

/* After that: 1 if the option of this name was given. */
int cmd_given(const struct cmd *cmd, const char *name);

/* 1 and *v if the whole text is a decimal number: no space, no sign but '-', no hex, no
 * nan or inf, and for an integer no fraction or exponent. */
int cmd_parse_int(const char *text, int64_t *v);
int cmd_parse_float(const char *text, double *v);

#endif
