/* SPDX-License-Identifier: MIT
 *
 * The line is gathered while options are read, since what was not given is nobody's choice.
 */
#include "history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1000, MOST_VALUE = 80 };

static char noted[MOST];

static void append(const char *text, size_t n)
{
    size_t at = strlen(noted);
    if (at + n < MOST) /* what is longer is no line that anyone reads */
        snprintf(noted + at, MOST - at, "%.*s", (int)n, text);
}

/* A value on one line; of a long one the beginning, which ends between characters. */
static void append_value(const char *value)
{
    char text[MOST_VALUE + 8];
    size_t n = strlen(value), cut = n < MOST_VALUE ? n : MOST_VALUE;
    while (cut < n && cut && ((unsigned char)value[cut] & 0xc0) == 0x80)
        cut--;
    for (size_t i = 0; i < cut; i++)
        text[i] = (unsigned char)value[i] < ' ' ? ' ' : value[i];
    append(" ", 1);
    append(text, cut);
    if (cut < n)
        append("...", 3);
}

/* ":0.5" behind the name of a file is how much of it was taken. */
static const char *scale_of(const char *value)
{
    const char *colon = strrchr(value, ':');
    char *end;
    return colon && colon[1] && isfinite(strtod(colon + 1, &end)) && !*end ? colon + 1 : NULL;
}

void cmd_history_note(const struct cmd_opt *opt, const char *value)
{
    int file = (opt->role == CMD_INPUT && (!opt->file || *opt->file)) ||
               (opt->arg && strstr(opt->arg, "FILE"));
    const char *scale = file && opt->kind == CMD_KIND_LIST ? scale_of(value) : NULL;
    if (opt->role == CMD_OUTPUT || !strcmp(opt->name, "model") ||
        !strcmp(opt->name, "no-history"))
        return;
    append(" --", 3);
    append(opt->name, strlen(opt->name));
    if (scale || (value && !file))
        append_value(scale ? scale : value);
}

const char *cmd_history(const struct cmd *cmd, int not)
{
    static char line[MOST + 64];
    snprintf(line, sizeof line, "%s%s", cmd->name, noted);
    return not ? NULL : line;
}
