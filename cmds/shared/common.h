/* SPDX-License-Identifier: MIT
 *
 * What every command shares, in one header: the table of its options (table.h), messages
 * (message.h), signals (signals.h), the beginning, and checks of the files it is given.
 */
#ifndef CMDS_SHARED_COMMON_H
#define CMDS_SHARED_COMMON_H

#include "message.h"
#include "signals.h"
#include "table.h"

#include <libtrain/error.h>
#include <libtrain/precision.h>

#include <stdio.h>

/* Parse argv, and files of settings that it names as "@FILE" (settings.h); exits 0 after
 * --help and --version, 2 on a usage error.  Returns the operands, *n_operand of them, which
 * stay as long as the process.  Also does what
 * every command does first: opens closed standard streams, ignores SIGXFSZ, installs the
 * handlers that remove temporaries, takes --threads and -q, and re-executes itself once if
 * OpenBLAS chose kernels below what the processor can do.  "--" ends the options.  Exits 1
 * if an output is an input (files.h), 2 if two outputs are one file. */
char **cmd_parse(const struct cmd *cmd, int argc, char **argv, int *n_operand);

/* The same for a command that is several, `NAME VERB [option …]`: argv[1], which is there, has
 * told the caller which of them cmd is to be. */
char **cmd_parse_verb(const struct cmd *cmd, int argc, char **argv, int *n_operand);

/* Fail now, not after hours of work, if `path` cannot be written; NULL is nothing. */
int cmd_writable(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Number of threads in use (after cmd_parse). */
int cmd_threads(void);

/* The choices of --loss and of --precision. */
const char *cmd_loss_name(int i);
const char *cmd_precision_name(int i);

/* The one of that number, ready to compute in; of "auto" it is said what was chosen.  NULL:
 * this machine does not compute so. */
const struct tr_precision *cmd_precision(int i, struct tr_err *err) TR_MUST_CHECK;
/* p was chosen: say so, if there is a reason. */
void cmd_precision_say(const struct tr_precision *p, const char *why);

#endif
