/* SPDX-License-Identifier: MIT
 *
 * A command that is several: `NAME VERB [option …]`.
 */
#ifndef CMDS_SHARED_VERBS_H
#define CMDS_SHARED_VERBS_H

#include "common.h"

enum { CMD_MOST_VERBS = 8 };

/* Which of n commands, whose synopses begin with the verb, argv asks for; it goes on with
 * cmd_parse_verb.  Without a verb there are --help, with the options of all of them under
 * `about`, and --version, and else the end of the process with CMD_USAGE. */
const struct cmd *cmd_verb(const struct cmd *cmd, size_t n, const char *about, int argc,
                           char **argv);

#endif
