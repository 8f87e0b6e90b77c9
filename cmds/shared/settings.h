/* SPDX-License-Identifier: MIT
 *
 * Words of a command line, some of which come from files of settings: `@FILE` stands for
 * the words of FILE.
 */
#ifndef CMDS_SHARED_SETTINGS_H
#define CMDS_SHARED_SETTINGS_H

#include "table.h"

#include <libtrain/error.h>

struct cmd_word {
    char *text;
    const char *file; /* NULL: the command line itself */
    long line;        /* in it, from 1 */
    int depth;        /* files it came through */
};

/* What the words point at lives as long as the process. */
struct cmd_words {
    struct cmd_word *word;
    size_t n, cap;
    struct cmd_list file; /* that were read, in that order */
};

/* The words of a command line. */
int cmd_words_begin(struct cmd_words *w, int argc, char **argv,
                    struct tr_err *err) TR_MUST_CHECK;

/* Put the words of FILE in the place of word i, which is "@FILE".  Blanks and line ends part
 * words; quotes and \ are the shell's, but nothing is expanded; # where a word could begin
 * starts a comment.  TR_EFORMAT, with the file and the line, for a quote that does not end,
 * a NUL, files that name each other too deep, and too much in all. */
int cmd_words_expand(struct cmd_words *w, size_t i, struct tr_err *err) TR_MUST_CHECK;

#endif
