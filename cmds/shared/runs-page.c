/* SPDX-License-Identifier: MIT
 *
 * Several runs side by side: what each says of itself, and all their curves in one figure.
 */
#include "run-page.h"

#include "page.h"
#include "run-tables.h"
#include "series.h"

#include <libtrain/printable.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLORS = 8 };

/* What a run says; NAN: nothing. */
struct summary {
    double steps, base, loss, val, seconds, memory;
    char label[48];
    struct cmd_series s;
};

static const struct {
    const char *name;
    size_t at;
    double unit;
} number[] = {
    { "steps", offsetof(struct summary, steps), 1 },
    { "base_loss", offsetof(struct summary, base), 1 },
    { "loss", offsetof(struct summary, loss), 1 },
    { "last_val_loss", offsetof(struct summary, val), 1 },
    { "seconds", offsetof(struct summary, seconds), 1 },
    { "memory_MB", offsetof(struct summary, memory), 1e6 },
};
enum { N_NUMBER = sizeof number / sizeof *number };

static double value(const struct summary *s, size_t i)
{
    return *(const double *)(const void *)((const char *)s + number[i].at) / number[i].unit;
}

/* The first row is the base's, the next the tuned model's. */
static void take_row(void *ctx, const char *label, double loss, double perplexity)
{
    struct summary *s = ctx;
    (void)perplexity;
    if (isnan(s->base)) {
        s->base = loss;
    } else if (isnan(s->loss)) {
        s->loss = loss;
        snprintf(s->label, sizeof s->label, "%s", label);
    }
}

static void take_steps(struct summary *s)
{
    double before = 0, last = 0;
    for (size_t i = 0; i < s->s.n; i++) {
        double memory = s->s.column[3][i], seconds = s->s.column[4][i];
        before += seconds < last ? last : 0; /* a run that went on counts from 0 */
        last = isnan(seconds) ? last : seconds;
        s->memory = isnan(s->memory) || memory > s->memory ? memory : s->memory;
        if (!isnan(s->s.column[2][i]))
            s->val = s->s.column[2][i];
        s->steps = s->s.column[0][i];
    }
    s->seconds = s->s.n ? before + last : (double)NAN;
}

static int read_run(struct summary *s, const struct cmd_run *run, struct tr_err *err)
{
    static const char *const name[] = { "step", "loss", "val_loss", "rss_bytes", "seconds",
                                        NULL };
    char path[PATH_MAX];
    int any = 0, rc = 0;
    *s = (struct summary){ NAN, NAN, NAN, NAN, NAN, NAN, "", { { NULL }, 0 } };
    if (cmd_run_file(run, "eval.tsv", path)) {
        any = 1;
        rc = cmd_eval_each(path, take_row, s, err);
    }
    if (!rc && cmd_run_file(run, "metrics.tsv", path)) {
        any = 1;
        rc = cmd_series_read(&s->s, path, name, err);
        if (!rc)
            take_steps(s);
    }
    return rc || any ? rc
                     : tr_err_set(err, TR_EFORMAT, "'%s' holds nothing of a run", run->folder);
}

static void release(struct summary *s, size_t n)
{
    for (size_t i = 0; s && i < n; i++)
        cmd_series_release(&s[i].s);
    free(s);
}

static struct summary *read_runs(const struct cmd_run *run, size_t n, struct tr_err *err)
{
    struct summary *s = calloc(n, sizeof *s);
    int rc = s ? 0 : tr_err_sys(err, "cannot compare %zu runs", n);
    for (size_t i = 0; i < n && !rc; i++)
        rc = read_run(&s[i], &run[i], err);
    if (!rc)
        return s;
    release(s, n);
    return NULL;
}

int cmd_runs_table(FILE *f, const struct cmd_run *run, size_t n, struct tr_err *err)
{
    struct summary *s = read_runs(run, n, err);
    if (!s)
        return err->code;
    fputs("run", f);
    for (size_t k = 0; k < N_NUMBER; k++)
        fprintf(f, "\t%s", number[k].name);
    for (size_t i = 0; i < n; i++) {
        fputc('\n', f);
        const char *name = cmd_last_part(run[i].folder);
        tr_print_escaped(f, name, strlen(name));
        for (size_t k = 0; k < N_NUMBER; k++)
            if (isnan(value(&s[i], k)))
                fputs("\t-", f);
            else
                fprintf(f, "\t%.6g", value(&s[i], k));
    }
    fputc('\n', f);
    release(s, n);
    return 0;
}

static void put_table(FILE *f, const struct cmd_run *run, const struct summary *s, size_t n)
{
    fputs("<div class=\"wide\"><table><tr><th>run", f);
    for (size_t k = 0; k < N_NUMBER; k++)
        fprintf(f, "<th class=\"n\">%s", number[k].name);
    fputs("</tr>\n", f);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "<tr><td><span style=\"color:var(--c%zu)\">&#9632;</span> ", i % COLORS);
        cmd_page_text(f, cmd_last_part(run[i].folder), strlen(cmd_last_part(run[i].folder)));
        for (size_t k = 0; k < N_NUMBER; k++)
            fprintf(f, isnan(value(&s[i], k)) ? "<td class=\"n\">-" : "<td class=\"n\">%.5g",
                    value(&s[i], k));
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

/* Column `at` of all. */
static void put_figure(FILE *f, const struct cmd_run *run, const struct summary *s, size_t n,
                       const char *title, int at)
{
    struct cmd_curve *c = calloc(n, sizeof *c);
    for (size_t i = 0; c && i < n; i++)
        c[i] = (struct cmd_curve){ cmd_last_part(run[i].folder), s[i].s.column[0],
                                   s[i].s.column[at], s[i].s.n, (int)(i % COLORS), 0, at == 2 };
    if (c)
        cmd_page_curves(f, title, "step", c, n);
    free(c);
}

int cmd_runs_page(FILE *f, const struct cmd_run *run, size_t n, struct tr_err *err)
{
    struct summary *s = read_runs(run, n, err);
    if (!s)
        return err->code;
    cmd_page_begin(f, "Runs compared");
    cmd_page_put(f, "h1", "Runs compared");
    put_table(f, run, s, n);
    fputs("<h2>Curves</h2>\n<div class=\"grid\">\n", f);
    put_figure(f, run, s, n, "Loss of the training", 1);
    put_figure(f, run, s, n, "Loss of what was held out", 2);
    fputs("</div>\n", f);
    cmd_page_end(f);
    release(s, n);
    return 0;
}
