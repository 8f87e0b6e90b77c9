/* SPDX-License-Identifier: MIT
 *
 * train-watch - a training as it goes, from another shell.  See train-watch.1
 *
 * All there is to see is in the table that `train --log` writes; it is read anew for every
 * picture, so that a run that goes on, or starts over, is no matter.
 */
#include "shared/common.h"
#include "shared/run-log.h"

#include <libtrain/machine.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 10, MOST_COLUMNS = 200 }; /* of a curve */

struct watch {
    const char *run;
    char table[4096], lock[4096]; /* lock: empty if the run is given as a table */
    double every;                 /* seconds */
    int once, terminal;
};

/* ==== a picture ==== */

static int columns(void)
{
    struct winsize w;
    int n = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) ? 0 : w.ws_col;
    return n < 1 ? 79 : n < 40 ? 40 : n > MOST_COLUMNS ? MOST_COLUMNS : n;
}

/* Mean of the numbers of one column of the curve, NAN if there are none. */
static double mean_of(const struct cmd_run_log *l, int field, size_t from, size_t to)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        if (isfinite(l->row[i].v[field])) {
            sum += l->row[i].v[field];
            n++;
        }
    return n ? sum / (double)n : (double)NAN;
}

/* Fill `v` with the means over `wide` equal parts of the run. */
static void squeeze(const struct cmd_run_log *l, int field, int wide, double *v)
{
    for (int x = 0; x < wide; x++) {
        size_t from = l->n * (size_t)x / (size_t)wide, to = l->n * (size_t)(x + 1) / (size_t)wide;
        v[x] = mean_of(l, field, from, to > from ? to : from + 1);
    }
}

static void widen(const double *v, int n, double *low, double *high)
{
    for (int x = 0; x < n; x++)
        if (isfinite(v[x])) {
            *low = fmin(*low, v[x]);
            *high = fmax(*high, v[x]);
        }
}

static void plot(char canvas[][MOST_COLUMNS + 1], const double *v, int wide, double low,
                 double high, int rows, char mark)
{
    for (int x = 0; x < wide; x++)
        if (isfinite(v[x])) {
            double part = high > low ? (v[x] - low) / (high - low) : 0.5;
            canvas[rows - 1 - (int)(part * (rows - 1) + 0.5)][x] = mark;
        }
}

/* One number over the steps, or two in one picture. */
static void curve(const char *name, const struct cmd_run_log *l, int field, int other, int rows)
{
    char canvas[ROWS][MOST_COLUMNS + 1];
    double a[MOST_COLUMNS], b[MOST_COLUMNS], low = HUGE_VAL, high = -HUGE_VAL;
    int wide = columns() - 12;
    wide = l->n < (size_t)wide ? (int)l->n : wide;
    squeeze(l, field, wide, a);
    squeeze(l, other, wide, b);
    widen(a, wide, &low, &high);
    widen(b, wide, &low, &high);
    if (!(low <= high))
        return;
    for (int y = 0; y < rows; y++) {
        memset(canvas[y], ' ', (size_t)wide);
        canvas[y][wide] = '\0';
    }
    plot(canvas, a, wide, low, high, rows, '*');
    if (other != field)
        plot(canvas, b, wide, low, high, rows, 'o');
    printf("%s\n", name);
    for (int y = 0; y < rows; y++)
        if (!y || y == rows - 1)
            printf("%9.3g |%s\n", y ? low : high, canvas[y]);
        else
            printf("%9s |%s\n", "", canvas[y]);
}

static void print_left(double seconds)
{
    if (!isfinite(seconds))
        return;
    long long s = (long long)(seconds + 0.5);
    printf("  left %lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

/* The last held-out loss, and its step. */
static void print_held_out(const struct cmd_run_log *l)
{
    for (size_t i = l->n; i-- > 0;)
        if (isfinite(l->row[i].v[CMD_RUN_VAL])) {
            printf("  val %.4f (step %.0f)", l->row[i].v[CMD_RUN_VAL],
                   l->row[i].v[CMD_RUN_STEP]);
            return;
        }
}

static void print_line(const struct cmd_run_log *l, const char *state)
{
    const double *v = l->row[l->n - 1].v;
    printf("step %.0f", v[CMD_RUN_STEP]);
    if (v[CMD_RUN_TOTAL] > 0)
        printf("/%.0f  %.0f %%", v[CMD_RUN_TOTAL], floor(100 * v[CMD_RUN_STEP] / v[CMD_RUN_TOTAL]));
    printf("  loss %.4f", v[CMD_RUN_LOSS]);
    print_held_out(l);
    printf("  lr %.2e  norm %.3f  %.0f tok/s  %.0f MB", v[CMD_RUN_LR], v[CMD_RUN_NORM],
           v[CMD_RUN_RATE], v[CMD_RUN_BYTES] / 1e6);
    print_left(cmd_run_log_left(l));
    printf("  %s\n", state);
}

static void print_all(const struct cmd_run_log *l, const char *state)
{
    print_line(l, state);
    curve("loss *, held out o", l, CMD_RUN_LOSS, CMD_RUN_VAL, ROWS);
    curve("learning rate", l, CMD_RUN_LR, CMD_RUN_LR, 4);
    curve("tokens a second", l, CMD_RUN_RATE, CMD_RUN_RATE, 4);
}

/* ==== the command ==== */

static const char *state_of(const struct watch *w, const struct cmd_run_log *l)
{
    const double *v = l->n ? l->row[l->n - 1].v : NULL;
    if (v && v[CMD_RUN_TOTAL] > 0 && v[CMD_RUN_STEP] >= v[CMD_RUN_TOTAL])
        return "complete";
    if (!*w->lock)
        return "running";
    return cmd_run_is_locked(w->lock) ? "running" : "stopped";
}

/* A table, or the folder of a run, where it has this name. */
static int find(struct watch *w, struct tr_err *err)
{
    struct stat st;
    if (stat(w->run, &st))
        return tr_err_sys(err, "cannot open '%s'", w->run);
    int folder = S_ISDIR(st.st_mode);
    int n = snprintf(w->table, sizeof w->table, "%s%s", w->run, folder ? "/metrics.tsv" : "");
    if (folder)
        snprintf(w->lock, sizeof w->lock, "%s/model.ckpt.d/lock", w->run);
    return n < (int)sizeof w->table ? 0 : tr_err_set(err, TR_EIO, "'%s' is too long", w->run);
}

/* Where the screen is one, in the place of the last picture; else a line where there is news. */
static void show(const struct watch *w, const struct cmd_run_log *l, const char *state,
                 double *last)
{
    if (w->terminal && !w->once)
        printf("\033[H\033[2J");
    if (l->n && (w->terminal || w->once))
        print_all(l, state);
    else if (l->n && l->row[l->n - 1].v[CMD_RUN_STEP] != *last)
        print_line(l, state);
    else if (!l->n && w->terminal)
        printf("no step yet  %s\n", state);
    *last = l->n ? l->row[l->n - 1].v[CMD_RUN_STEP] : -1;
    fflush(stdout);
}

static int watch(struct watch *w, struct tr_err *err)
{
    double last = -1;
    int rc = find(w, err), ended = 0;
    while (!rc && !ended) {
        struct cmd_run_log l = { 0 };
        if ((rc = cmd_run_log_read(&l, w->table, err)))
            break;
        const char *state = state_of(w, &l);
        ended = w->once || strcmp(state, "running") != 0;
        if (w->once && !l.n)
            rc = tr_err_set(err, TR_EFORMAT, "'%s' has no step yet", w->table);
        else
            show(w, &l, state, &last);
        cmd_run_log_release(&l);
        if (!ended)
            usleep((useconds_t)(w->every * 1e6));
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct watch w = { .every = 1 };
    const struct cmd_opt table[] = {
        CMD_FLAG(0, "once", &w.once, "one picture as it is now, and no more"),
        CMD_FLOAT(0, "every", &w.every, 0.05, 3600, "SECONDS", "between two pictures"),
        CMD_END
    };
    const struct cmd cmd = { "train-watch", "[--once] RUN",
                             "show a training as it goes: curves, rate, memory, time left", table,
                             1, 1, NULL };
    struct tr_err err = { 0 };
    int n_operand;
    w.run = cmd_parse(&cmd, argc, argv, &n_operand)[0];
    w.terminal = isatty(STDOUT_FILENO);
    return cmd_end(watch(&w, &err) ? CMD_FAIL : CMD_OK, &err);
}
