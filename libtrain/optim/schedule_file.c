/* SPDX-License-Identifier: MIT
 *
 * A schedule from a file: a table of steps, and of factors on the rate or of rates.  Between two rows
 * the value goes along a line; before the first and behind the last it stays.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct tr_schedule_table {
    struct tr_schedule schedule; /* that has this table */
    struct row {
        double step, value;
    } *row; // (n) steps rise
    size_t n, cap;
    int is_rate;
    uint64_t hash;
};

static double along_table(const struct tr_schedule_place *at, const double *option)
{
    const struct tr_schedule_table *t = at->table;
    double k = (double)at->k;
    size_t i = 0;
    (void)option;
    while (i < t->n && t->row[i].step < k)
        i++;
    if (i == 0 || i == t->n)
        return t->row[i ? i - 1 : 0].value;
    const struct row *a = &t->row[i - 1], *b = &t->row[i];
    return a->value + (b->value - a->value) * ((k - a->step) / (b->step - a->step));
}

int tr__schedule_is_rate(const struct tr_schedule_table *t)
{
    return t && t->is_rate;
}

uint64_t tr_schedule_hash(const struct tr_schedule *s)
{
    return s->table ? s->table->hash : 0;
}

/* ---- reading ---------------------------------------------------------------------- */

struct place {
    const char *path;
    int line;
};

static int refuse(struct tr_err *err, const struct place *at, const char *what, const char *text)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': line %d: %s '%.40s'", at->path, at->line, what,
                      text);
}

/* Cuts the line into two words; 0 if these are not two. */
static int two_words(char *line, char **a, char **b)
{
    static const char blank[] = " \t\r";
    char *save = NULL;
    *a = strtok_r(line, blank, &save);
    *b = *a ? strtok_r(NULL, blank, &save) : NULL;
    return *b && !strtok_r(NULL, blank, &save);
}

static int read_head(struct tr_schedule_table *t, const char *step, const char *what)
{
    t->is_rate = !strcmp(what, "rate");
    return !strcmp(step, "step") && (t->is_rate || !strcmp(what, "factor"));
}

static int number(const char *word, double most, double *v)
{
    char *end;
    *v = strtod(word, &end);
    return !*end && *v >= 0 && *v <= most;
}

static int add_row(struct tr_schedule_table *t, const char *step, const char *value,
                   const struct place *at, struct tr_err *err)
{
    struct row r;
    if (!number(step, 1e15, &r.step) || r.step < 1 || r.step != floor(r.step))
        return refuse(err, at, "a step is a whole number from 1 on, not", step);
    if (t->n && r.step <= t->row[t->n - 1].step)
        return refuse(err, at, "steps rise from line to line, which is not so of", step);
    if (!number(value, t->is_rate ? 1e3 : 1e6, &r.value))
        return refuse(err, at, t->is_rate ? "a rate is a number from 0 to 1000, not"
                                          : "a factor is a number from 0 to 1e6, not", value);
    if (tr__grow(&t->row, &t->cap, t->n + 1, sizeof *t->row))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its rows", at->path);
    t->row[t->n++] = r;
    return 0;
}

static int read_lines(struct tr_schedule_table *t, char *text, const char *path,
                      struct tr_err *err)
{
    struct place at = { path, 0 };
    int rc = 0, headed = 0;
    for (char *line = text, *next; !rc && line; line = next) {
        char *step, *value, whole[48];
        if ((next = strchr(line, '\n')))
            *next++ = '\0';
        at.line++;
        if (*line == '#' || !line[strspn(line, " \t\r")])
            continue;
        snprintf(whole, sizeof whole, "%s", line);
        if (!two_words(line, &step, &value))
            rc = refuse(err, &at, "not two words:", whole);
        else if (headed)
            rc = add_row(t, step, value, &at, err);
        else if (!(headed = read_head(t, step, value)))
            rc = refuse(err, &at, "first comes 'step factor' or 'step rate', not", whole);
    }
    return rc || t->n ? rc : tr_err_set(err, TR_EFORMAT, "'%s': has no row of a schedule", path);
}

static int read_table(struct tr_schedule_table *t, const char *path, struct tr_err *err)
{
    char *text = NULL;
    size_t n;
    int rc = tr_read_all(path, &text, &n, err);
    if (!rc && strlen(text) != n)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': is no text", path);
    if (!rc)
        rc = read_lines(t, text, path, err);
    free(text);
    if (!rc)
        t->hash = XXH3_64bits_withSeed(t->row, t->n * sizeof *t->row, (uint64_t)t->is_rate);
    return rc;
}

const struct tr_schedule *tr_schedule_open(const char *path, struct tr_err *err)
{
    struct tr_schedule_table *t = calloc(1, sizeof *t);
    if (!t) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a schedule", path);
        return NULL;
    }
    t->schedule = (struct tr_schedule){ .name = "file", .factor = along_table, .warms = 1,
                                        .table = t };
    if (!read_table(t, path, err))
        return &t->schedule;
    tr_schedule_close(&t->schedule);
    return NULL;
}

void tr_schedule_close(const struct tr_schedule *s)
{
    if (!s || !s->table)
        return;
    struct tr_schedule_table *t = (void *)(uintptr_t)s->table;
    free(t->row);
    free(t);
}
