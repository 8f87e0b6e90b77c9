/* SPDX-License-Identifier: MIT
 *
 * Rows of TSV, found by line and column.  What was written half is refused, since nobody
 * could tell what is missing.  Who writes them: cmds/perplexity.c, metrics.c.
 */
#include "run-tables.h"

#include <libtrain/file.h>
#include <libtrain/printable.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMN = 24 };

struct row {
    char *cell[MAX_COLUMN];
    int n;
};

/* What a table does with a row; 0 if it is none.  Line 0 is the header. */
typedef int take_fn(void *ctx, const struct row *r, unsigned long long line);

static void split(struct row *r, char *line)
{
    r->n = 0;
    for (char *tab; r->n < MAX_COLUMN; line = tab + 1) {
        r->cell[r->n++] = line;
        if (!(tab = strchr(line, '\t')))
            return;
        *tab = '\0';
    }
}

static int each_row(const char *path, take_fn *take, void *ctx, struct tr_err *err)
{
    char *text, *end;
    size_t n;
    int rc = tr_read_all(path, &text, &n, err);
    if (rc)
        return rc;
    unsigned long long line = 0;
    char *at = text;
    for (; !rc && (end = strchr(at, '\n')); at = end + 1, line++) {
        struct row r;
        *end = '\0';
        split(&r, at);
        if (!take(ctx, &r, line))
            rc = tr_err_set(err, TR_EFORMAT, "'%s' line %llu is not what it should be",
                            path, line + 1);
    }
    if (!rc && (at != text + n || line < 2))
        rc = tr_err_set(err, TR_EFORMAT, "'%s' ends in line %llu", path, line + 1);
    free(text);
    return rc;
}

static int number(const char *text, double *v)
{
    char *end;
    *v = strtod(text, &end);
    return end != text && !*end && isfinite(*v);
}

/* ---- the evaluation --------------------------------------------------------------- */

enum { MOST_ROWS = 8, LABEL_WIDTH = 44 };

struct eval {
    struct {
        char label[LABEL_WIDTH + 1];
        double loss, perplexity;
    } row[MOST_ROWS]; /* more are left out */
    int n, width;
};

static int take_eval(void *ctx, const struct row *r, unsigned long long line)
{
    struct eval *e = ctx;
    double loss, perplexity;
    if (!line)
        return r->n == 3 && !strcmp(r->cell[1], "loss") &&
               !strcmp(r->cell[2], "perplexity");
    if (r->n != 3 || !number(r->cell[1], &loss) || !number(r->cell[2], &perplexity))
        return 0;
    if (e->n == MOST_ROWS)
        return 1;
    int width = (int)tr_escape(e->row[e->n].label, sizeof e->row[e->n].label, r->cell[0],
                               strlen(r->cell[0]));
    e->width = width > e->width ? width : e->width;
    e->row[e->n].loss = loss;
    e->row[e->n++].perplexity = perplexity;
    return 1;
}

int cmd_eval_each(const char *path,
                  void (*row)(void *ctx, const char *label, double loss, double perplexity),
                  void *ctx, struct tr_err *err)
{
    struct eval e = { .width = 0 };
    int rc = each_row(path, take_eval, &e, err);
    for (int i = 0; !rc && i < e.n; i++)
        row(ctx, e.row[i].label, e.row[i].loss, e.row[i].perplexity);
    return rc;
}

static void print_row(FILE *f, int width, const char *label, double loss, double perplexity)
{
    fprintf(f, "%-*s  %9.4f  ", width, label, loss);
    fprintf(f, perplexity < 1e5 ? "%10.4f\n" : "%10.4g\n", perplexity);
}

static int print_eval(FILE *f, const char *title, const char *path, struct tr_err *err)
{
    struct eval e = { .width = 8 };
    int rc = each_row(path, take_eval, &e, err);
    if (rc)
        return rc;
    fprintf(f, "%-*s  %9s  %10s\n", e.width, title, "loss", "perplexity");
    for (int i = 0; i < e.n; i++)
        print_row(f, e.width, e.row[i].label, e.row[i].loss, e.row[i].perplexity);
    return 0;
}

int cmd_eval_print(FILE *f, const char *path, struct tr_err *err)
{
    return print_eval(f, "held out", path, err);
}

int cmd_test_print(FILE *f, const char *path, struct tr_err *err)
{
    return print_eval(f, "test", path, err);
}

/* ---- the training ----------------------------------------------------------------- */

enum { LAST_STEPS = 10 };

/* How far answers that were compared are apart: in the first step, and in the last ones. */
struct answers {
    int margin, accuracy, val_margin, val_accuracy; /* columns; -1: none were */
    double held_out, held_out_right; /* of the last measurement; NAN: there was none */
    double first, first_right;
    double late[LAST_STEPS], late_right[LAST_STEPS];
    long n;
};

struct metrics {
    struct answers answers;
    int n_column, memory, seconds; /* columns */
    double steps, peak, before, last; /* seconds: of processes before this one, of this */
};

static int find_column(const struct row *r, const char *name)
{
    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->cell[i], name))
            return i;
    return -1;
}

static int take_answers(struct answers *a, const struct row *r)
{
    double margin, right;
    if (a->margin < 0 || a->accuracy < 0)
        return 1;
    if (!number(r->cell[a->margin], &margin) || !number(r->cell[a->accuracy], &right))
        return 0;
    if (!a->n) {
        a->first = margin;
        a->first_right = right;
        a->held_out = a->held_out_right = NAN;
    }
    if (a->val_margin >= 0 && a->val_accuracy >= 0 && *r->cell[a->val_margin] &&
        strcmp(r->cell[a->val_margin], "-") &&
        (!number(r->cell[a->val_margin], &a->held_out) ||
         !number(r->cell[a->val_accuracy], &a->held_out_right)))
        return 0;
    a->late[a->n % LAST_STEPS] = margin;
    a->late_right[a->n++ % LAST_STEPS] = right;
    return 1;
}

static int take_metrics(void *ctx, const struct row *r, unsigned long long line)
{
    struct metrics *m = ctx;
    double memory, seconds;
    if (!line) {
        m->n_column = r->n;
        m->memory = find_column(r, "rss_bytes");
        m->seconds = find_column(r, "seconds");
        m->answers.margin = find_column(r, "margin");
        m->answers.accuracy = find_column(r, "accuracy");
        m->answers.val_margin = find_column(r, "val_margin");
        m->answers.val_accuracy = find_column(r, "val_accuracy");
        return m->memory > 0 && m->seconds > 0 && !strcmp(r->cell[0], "step");
    }
    if (r->n != m->n_column || !number(r->cell[0], &m->steps) ||
        !number(r->cell[m->memory], &memory) || !number(r->cell[m->seconds], &seconds) ||
        m->steps < 0 || memory < 0 || !(seconds >= 0 && seconds < 1e12))
        return 0;
    if (!take_answers(&m->answers, r))
        return 0;
    if (seconds < m->last) /* a run that went on counts from 0 */
        m->before += m->last;
    m->last = seconds;
    m->peak = memory > m->peak ? memory : m->peak;
    return 1;
}

static void print_time(FILE *f, double seconds)
{
    long long s = (long long)(seconds + 0.5);
    if (s < 60)
        fprintf(f, "%lld s", s);
    else if (s < 3600)
        fprintf(f, "%lld min %lld s", s / 60, s % 60);
    else
        fprintf(f, "%lld h %lld min", s / 3600, s % 3600 / 60);
}

/* Of an objective the margins are what it is about; the verdict's loss is that of the
 * answers that are wanted, and may well rise. */
static void print_answers(FILE *f, const struct answers *a)
{
    long n = a->n < LAST_STEPS ? a->n : LAST_STEPS;
    double margin = 0, right = 0;
    if (!n || a->margin < 0 || a->accuracy < 0)
        return;
    for (long i = 0; i < n; i++) {
        margin += a->late[i] / (double)n;
        right += a->late_right[i] / (double)n;
    }
    fprintf(f, "Answers apart: margin %.3g in the first step, %.3g in the last %ld; ", a->first,
            margin, n);
    fprintf(f, "%.0f %% the right way\nround, then %.0f %%, of those trained on. Losses are "
            "of wanted answers alone.\n", 100 * a->first_right, 100 * right);
    if (!isnan(a->held_out))
        fprintf(f, "Held-out answers: margin %.3g; %.0f %% the right way round.\n", a->held_out,
                100 * a->held_out_right);
}

int cmd_metrics_print(FILE *f, const char *path, struct tr_err *err)
{
    struct metrics m = { 0 };
    int rc = each_row(path, take_metrics, &m, err);
    if (rc)
        return rc;
    fprintf(f, "Trained %.0f steps in ", m.steps);
    print_time(f, m.before + m.last);
    fprintf(f, ", with at most %.1f MB of memory.\n", m.peak / 1e6);
    print_answers(f, &m.answers);
    return 0;
}
