/* SPDX-License-Identifier: MIT
 *
 * Fields of a line that must not be longer than a terminal is wide.  What is dropped is
 * settled by rank and not by what happens to fit, so that a line keeps its form while its
 * numbers grow.  Next: status.c (where such a line stands), progress.c and job.c (the lines).
 */
#include "fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BAR = 16, GAP = 2 };

static const struct cmd_field *ranked(const struct cmd_field *field, size_t n, int rank)
{
    for (size_t i = 0; i < n; i++)
        if (field[i].rank == rank)
            return &field[i];
    return NULL;
}

/* The lowest rank that has no room any more; *used columns are taken by what has. */
static int choose(const struct cmd_field *field, size_t n, size_t width)
{
    size_t used = 0;
    int rank = 0;
    for (; rank < (int)n; rank++) {
        const struct cmd_field *f = ranked(field, n, rank);
        size_t len = f ? strlen(f->text) : 0, gap = used && len ? GAP : 0;
        if (used && used + gap + len > width)
            break;
        used += gap + len;
    }
    return rank;
}

size_t cmd_fields_line(const struct cmd_field *field, size_t n, int width, char *line,
                       size_t size)
{
    size_t most = width < 0 ? 0 : (size_t)width < size - 1 ? (size_t)width : size - 1;
    int end = choose(field, n, most);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(field[i].text), gap = used ? GAP : 0;
        if (!len || field[i].rank >= end)
            continue;
        len = len < most - used ? len : most - used; /* only one that is alone is cut */
        memset(line + used, ' ', gap);
        memcpy(line + used + gap, field[i].text, len);
        used += gap + len;
    }
    line[used] = '\0';
    return used;
}

void cmd_field_set(struct cmd_field *f, int rank, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    f->rank = rank;
}

void cmd_field_bar(struct cmd_field *f, int rank, double part)
{
    int full = (int)(BAR * (part < 0 ? 0 : part > 1 ? 1 : part));
    cmd_field_set(f, rank, "[%.*s%*s]", full, "################", BAR - full, "");
}

void cmd_field_left(struct cmd_field *f, int rank, double seconds)
{
    if (!(seconds >= 0 && seconds < 1e9)) { /* nobody knows */
        cmd_field_set(f, rank, "%s", "");
        return;
    }
    long long v = (long long)(seconds + 0.5);
    if (v >= 3600)
        cmd_field_set(f, rank, "left %lld:%02lld:%02lld", v / 3600, v / 60 % 60, v % 60);
    else
        cmd_field_set(f, rank, "left %lld:%02lld", v / 60, v % 60);
}
