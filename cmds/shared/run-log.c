/* SPDX-License-Identifier: MIT
 *
 * A table of metrics while it is written: the last row may be half there.
 */
#include "run-log.h"

#include <libtrain/file.h>

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const name_of[CMD_RUN_FIELDS] = {
    [CMD_RUN_STEP] = "step",         [CMD_RUN_LOSS] = "loss",
    [CMD_RUN_VAL] = "val_loss",      [CMD_RUN_LR] = "lr",
    [CMD_RUN_NORM] = "grad_norm",    [CMD_RUN_RATE] = "tokens_per_s",
    [CMD_RUN_BYTES] = "rss_bytes",   [CMD_RUN_SECONDS] = "seconds",
    [CMD_RUN_TOTAL] = "total_steps",
};

enum { MOST_CELLS = 64, PACE = 50 /* steps that tell the pace */ };

/* Cut a line at its tabs; how many cells there are. */
static int cut(char *line, char *cell[MOST_CELLS])
{
    int n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *p = line; p && n < MOST_CELLS;) {
        cell[n++] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = '\0';
    }
    return n;
}

/* Which column holds each field, -1: none. */
static void read_header(char *line, int at[CMD_RUN_FIELDS])
{
    char *cell[MOST_CELLS];
    int n = cut(line, cell);
    for (int f = 0; f < CMD_RUN_FIELDS; f++) {
        at[f] = -1;
        for (int i = 0; i < n; i++)
            if (!strcmp(cell[i], name_of[f]))
                at[f] = i;
    }
}

static double number(const char *cell)
{
    char *end;
    double v = strtod(cell, &end);
    return end == cell || *end ? (double)NAN : v;
}

static int add_row(struct cmd_run_log *l, char *line, const int at[CMD_RUN_FIELDS])
{
    char *cell[MOST_CELLS];
    int n = cut(line, cell);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct cmd_run_row *more = realloc(l->row, cap * sizeof *more);
        if (!more)
            return -1;
        l->row = more;
        l->cap = cap;
    }
    struct cmd_run_row *row = &l->row[l->n];
    for (int f = 0; f < CMD_RUN_FIELDS; f++)
        row->v[f] = at[f] >= 0 && at[f] < n ? number(cell[at[f]]) : (double)NAN;
    l->n += isfinite(row->v[CMD_RUN_STEP]) != 0;
    return 0;
}

int cmd_run_log_read(struct cmd_run_log *l, const char *path, struct tr_err *err)
{
    int at[CMD_RUN_FIELDS], rc = 0;
    char *line = NULL;
    size_t cap = 0;
    FILE *f = tr_in_open(path, err);
    if (!f)
        return err->code;
    if (getline(&line, &cap, f) > 0)
        read_header(line, at);
    else
        at[CMD_RUN_STEP] = -1;
    if (at[CMD_RUN_STEP] < 0)
        rc = tr_err_set(err, TR_EFORMAT, "%s: line 1: no column 'step': is no table of train --log",
                        path);
    while (!rc && getline(&line, &cap, f) > 0)
        if (strchr(line, '\n') && add_row(l, line, at))
            rc = tr_err_set(err, TR_ENOMEM, "%s: out of memory", path);
    free(line);
    fclose(f);
    return rc;
}

void cmd_run_log_release(struct cmd_run_log *l)
{
    free(l->row);
    *l = (struct cmd_run_log){ 0 };
}

/* Seconds begin at 0 again where a run went on. */
double cmd_run_log_left(const struct cmd_run_log *l)
{
    if (!l->n)
        return NAN;
    const double *last = l->row[l->n - 1].v;
    size_t i = l->n - 1;
    while (i && l->n - i <= PACE && l->row[i - 1].v[CMD_RUN_SECONDS] <= l->row[i].v[CMD_RUN_SECONDS])
        i--;
    double steps = last[CMD_RUN_STEP] - l->row[i].v[CMD_RUN_STEP];
    double seconds = last[CMD_RUN_SECONDS] - l->row[i].v[CMD_RUN_SECONDS];
    return steps > 0 ? (last[CMD_RUN_TOTAL] - last[CMD_RUN_STEP]) * seconds / steps : (double)NAN;
}

int cmd_run_is_locked(const char *lock)
{
    struct flock other = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    int locked = fd >= 0 && !fcntl(fd, F_GETLK, &other) && other.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    return locked;
}
