/* SPDX-License-Identifier: MIT
 *
 * What a command may write, given what it reads.  Inputs and outputs are marked in the
 * table of its options (table.h); operands and files of settings are inputs.
 */
#ifndef CMDS_SHARED_FILES_H
#define CMDS_SHARED_FILES_H

#include "table.h"

#include <libtrain/error.h>

/* TR_EIO if an output, or standard output, is the file of an input: by this name or
 * another, by a link, or by the descriptor that either came by.  Ends with a usage error if
 * two outputs are one file, whether it is there yet or not. */
int cmd_files_check(const struct cmd *cmd, char *const *operand, int n_operand,
                    const struct cmd_list *settings, struct tr_err *err) TR_MUST_CHECK;

/* Let the process open as many files as the system allows: of a model that is written in parts
 * two are open for each until the last is written. */
void cmd_many_files(void);

/* 1 if the file would be, or is, directly in this folder. */
int cmd_is_in(const char *path, const char *folder);

#endif
