/* SPDX-License-Identifier: MIT
 *
 * Text that a command produces, byte for byte; but a terminal, which obeys what is in it, gets
 * it printable, with line ends and tabs.
 */
#ifndef CMDS_SHARED_TEXT_OUT_H
#define CMDS_SHARED_TEXT_OUT_H

#include <stddef.h>
#include <stdio.h>

struct cmd_text_out {
    FILE *f;
    int terminal;
    char held[4]; /* the beginning of a character whose rest has not come */
    size_t n_held;
};

/* f writes to `path`, "-" is standard output. */
struct cmd_text_out cmd_text_out(FILE *f, const char *path);
void cmd_text_put(struct cmd_text_out *o, const char *text, size_t n);
/* What is held after all. */
void cmd_text_end(struct cmd_text_out *o);

#endif
