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

#include <stdio.h>

/* Parse argv; exits 0 after --help and --version, 2 on a usage error.  Operands are moved
 * together; returns the index of the first, argc of them in *n_operand.  Also does what
 * every command does first: opens closed standard streams, ignores SIGXFSZ, installs the
 * handlers that remove temporaries, takes --threads and -q, and re-executes itself once if
 * OpenBLAS chose kernels below what the processor can do.  "--" ends the options. */
int cmd_parse(const struct cmd *cmd, int argc, char **argv, int *n_operand);

/* Fail (CMD_FAIL, message) if `out` is the same file as `in`; "-" and NULL are skipped. */
int cmd_not_same(const char *out, const char *in, struct tr_err *err) TR_MUST_CHECK;

/* Fail if any of the n_out outputs is the same file as any of the n_in inputs. */
int cmd_none_same(const char *const *out, int n_out, const char *const *in, int n_in,
                  struct tr_err *err) TR_MUST_CHECK;

/* Fail now, not after hours of work, if `path` cannot be written; NULL is nothing. */
int cmd_writable(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Copy a whole file to a stream; NULL is nothing. */
int cmd_copy(const char *path, FILE *to, struct tr_err *err) TR_MUST_CHECK;

/* Number of threads in use (after cmd_parse). */
int cmd_threads(void);

/* The choices of --loss and of --precision, to a NULL. */
enum { CMD_MAX_CHOICE = 8 };
void cmd_loss_names(const char *name[CMD_MAX_CHOICE]);
void cmd_precision_names(const char *name[CMD_MAX_CHOICE]);

#endif
