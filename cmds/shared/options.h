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
};

/* Read argv into the variables of the command's table and *common.  Operands are moved
 * together behind argv[0].  Prints the help and ends if that is asked for, ends with
 * CMD_USAGE if something is wrong; then no variable has changed yet or all may have. */
void cmd_options_read(const struct cmd *cmd, struct cmd_common *common, int argc,
                      char **argv, int *n_operand);

/* 1 and *v if the whole text is a decimal number: no space, no sign but '-', no hex, no
 * nan or inf, and for an integer no fraction or exponent. */
int cmd_parse_int(const char *text, int64_t *v);
int cmd_parse_float(const char *text, double *v);

#endif
