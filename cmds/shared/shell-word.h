/* SPDX-License-Identifier: MIT
 *
 * Words of commands that a user may paste into a shell.
 */
#ifndef CMDS_SHARED_SHELL_WORD_H
#define CMDS_SHARED_SHELL_WORD_H

#include <stdio.h>

/* A blank and the text as one word, quoted if it must be. */
void cmd_put_word(FILE *f, const char *text);
/* The same for a file, which no command takes for an option. */
void cmd_put_file(FILE *f, const char *path);

#endif
