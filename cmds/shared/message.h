/* SPDX-License-Identifier: MIT
 *
 * What a command says, and how it ends.
 */
#ifndef CMDS_SHARED_MESSAGE_H
#define CMDS_SHARED_MESSAGE_H

#include "table.h"

#include <libtrain/error.h>

#include <stdio.h>

/* Exit 2 with a message and a hint at --help. */
void cmd_usage(const struct cmd *cmd, const char *fmt, ...) TR_PRINTF(2, 3) TR_NORETURN;

/* Columns of UTF-8 text: bytes that do not continue a character. */
int cmd_columns(const char *text, size_t bytes);

/* "usage: NAME SYNOPSIS" in lines of 80 columns. */
void cmd_put_usage(FILE *f, const struct cmd *cmd);

/* Talk on stderr, "name: …", silenced by -q. */
void cmd_say(const char *fmt, ...) TR_PRINTF(1, 2);
/* A warning; not silenced. */
void cmd_warn(const char *fmt, ...) TR_PRINTF(1, 2);
/* Name this process in messages; before anything else is said.  `path` is what it was
 * called by, or NULL: a command that was installed as "tr-NAME" calls itself so. */
void cmd_name(const char *name, const char *path);
const char *cmd_command(void);
/* An error, as cmd_end prints it; not silenced. */
void cmd_complain(const char *fmt, ...) TR_PRINTF(1, 2);
/* 1 under -q. */
int cmd_quiet(void);
/* As if -q had been given: for processes beside the one that talks. */
void cmd_hush(void);

/* End of main: prints err if one is recorded, flushes and checks standard output, returns
 * the exit code: rc, or CMD_FAIL if something was wrong after all, or CMD_USAGE if that was an
 * argument (TR_EINVAL). */
int cmd_end(int rc, const struct tr_err *err);

/* Exit code for an error of train: CMD_DIVERGED for TR_EDIVERGED, else CMD_FAIL. */
int cmd_code(const struct tr_err *err);

#endif
