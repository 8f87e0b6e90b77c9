/* SPDX-License-Identifier: MIT
 *
 * Text that a command produces, byte for byte; but a terminal, which obeys what is in it,
 * gets it printable, with line ends and tabs.
 */
#ifndef CMDS_SHARED_TEXT_OUT_H
#define CMDS_SHARED_TEXT_OUT_H

#include <libtrain/file.h>

#include <stddef.h>
#include <stdio.h>

struct cmd_text_out {
    FILE *f;
    int terminal;  /* what f goes to is one */
    char held[4];  /* the beginning of a character whose rest has not come */
    size_t n_held;
};

/* To an output, or to standard output if that is NULL. */
struct cmd_text_out cmd_text_to(struct tr_out *out);

void cmd_text_put(struct cmd_text_out *o, const char *text, size_t n);
/* What is held after all. */
void cmd_text_end(struct cmd_text_out *o);

/* All of a file; NULL is nothing. */
int cmd_text_copy(struct cmd_text_out *o, const char *path,
                  struct tr_err *err) TR_MUST_CHECK;

#endif
