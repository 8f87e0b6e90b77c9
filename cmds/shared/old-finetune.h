/* SPDX-License-Identifier: MIT
 *
 * Command lines of the finetune of llama.cpp of 2023.
 */
#ifndef CMDS_SHARED_OLD_FINETUNE_H
#define CMDS_SHARED_OLD_FINETUNE_H

#include "workflows.h"

/* 1 if one of the words is an option that only that finetune had. */
int cmd_is_old_finetune(const struct cmd_workflows *all, int argc, char **argv);

/* Tokenize, pack and train as such a command line asks, by the commands of these workflows;
 * returns the exit status where that is not train's, which takes this process's place. */
int cmd_old_finetune(const struct cmd_workflows *all, int argc, char **argv);

#endif
