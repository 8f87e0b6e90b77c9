/* SPDX-License-Identifier: MIT
 *
 * From the tree to one file of rows.  Every topic is read and every row looked at, also
 * behind one that is wrong: who keeps such files by hand wants to hear of all faults at
 * once.  A fault of the data is told and counted; what the system refuses, or a lack of
 * memory, ends the work.  Next: row.c, stats.c, seen.c.
 */
#include <libtrain/dataset/tree.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
    struct tr_dataset *d;
    struct tr_out *out; /* NULL: only look */
    const struct tr_dataset_tell *tell;
    struct tr__tally tally;
    struct tr__seen seen;
    size_t n_wrong;
    uint64_t n_row;
    char *line; /* of the row at hand */
    size_t cap;
    struct tr_err *err;
};

/* ---- faults ----------------------------------------------------------------------- */

/* What went wrong with the data is told, and 0; the rest ends the run. */
static int pass_on(struct run *r, const struct tr_err *e)
{
    if (e->code != TR_EFORMAT && e->code != TR_EUNSUPPORTED)
        return tr_err_set(r->err, e->code, "%s", e->text);
    tr__dataset_tell(r->tell, TR_DATASET_WRONG, e->text);
    r->n_wrong++;
    return 0;
}

static void found_stray(void *ctx, const char *path)
{
    struct tr_err e = { 0 };
    struct run *r = ctx;
    tr_err_set(&e, TR_EFORMAT, "'%s' is a file of rows that '%s' does not name", path,
               r->d->structure);
    pass_on(r, &e);
}

static void tell_odd(const struct run *r, const struct tr_err *e)
{
    tr__dataset_tell(r->tell, TR_DATASET_ODD, e->text);
}

static void tell_twice(const struct run *r, const struct tr__rows *rows,
                       const struct tr__raw_row *raw, size_t before)
{
    struct tr_err e = { 0 };
    const struct tr__seen_row *s = &r->seen.row[before];
    tr_err_set(&e, TR_EFORMAT, "'%s' line %" PRIu64 " byte %" PRIu64 ", row %" PRIu64
               ": the same as row %" PRIu64 " of '%s'", rows->name, raw->line, raw->byte,
               raw->number, s->number, s->topic->path);
    tell_odd(r, &e);
}

/* ---- rows ------------------------------------------------------------------------- */

static int write_row(struct run *r, const struct tr_json *row, struct tr_err *err)
{
    size_t n = 0;
    if (!r->out)
        return 0;
    int rc = tr_json_write(row, NULL, &r->line, &n, &r->cap)
                 ? tr_err_set(err, TR_ENOMEM, "out of memory for a row")
                 : tr_out_write(r->out, r->line, n, err);
    return rc ? rc : tr_out_write(r->out, "\n", 1, err);
}

static int use_row(struct run *r, size_t topic, const struct tr__rows *rows,
                   const struct tr__raw_row *raw, const struct tr_json *row, int level,
                   struct tr_err *err)
{
    size_t before;
    int rc = tr__seen_add(&r->seen, row, &r->d->topic[topic], raw->number, &before, err);
    if (!rc && before != SIZE_MAX)
        tell_twice(r, rows, raw, before);
    rc = rc ? rc : tr__tally_row(&r->tally, topic, row, level, err);
    r->n_row++;
    return rc ? rc : write_row(r, row, err);
}

static int build_row(struct run *r, size_t topic, const struct tr__rows *rows,
                     const struct tr__raw_row *raw)
{
    struct tr_err e = { 0 };
    int level = 0;
    struct tr_json *row = tr__rows_parse(rows, raw, &e), *done = NULL;
    if (row) {
        done = tr__row_finish(r->d, &r->d->topic[topic], row, raw->number, &level, &e);
        if (!done || use_row(r, topic, rows, raw, done, level, &e))
            tr_err_prefix(&e, "'%s' line %" PRIu64 " byte %" PRIu64 ", row %" PRIu64,
                          rows->name, raw->line, raw->byte, raw->number);
    }
    tr_json_free(row);
    tr_json_free(done);
    return e.code ? pass_on(r, &e) : 0;
}

static int build_rows(struct run *r, size_t topic, const char *bytes, size_t n)
{
    const char *path = r->d->topic[topic].path;
    struct tr_err e = { 0 };
    struct tr__rows rows;
    struct tr__raw_row raw;
    int rc = 0, more = tr__rows_begin(&rows, path, bytes, n, &e) ? -1 : 1;
    while (!rc && more > 0 && (more = tr__rows_next(&rows, &raw, &e)) > 0)
        rc = build_row(r, topic, &rows, &raw);
    if (!rc && more < 0)
        rc = pass_on(r, &e);
    if (!rc && !more && !rows.row) {
        tr_err_set(&e, TR_EFORMAT, "'%s' has no rows yet", rows.name);
        tell_odd(r, &e);
    }
    return rc;
}

static int build_topic(struct run *r, size_t topic)
{
    char *bytes = NULL;
    size_t n;
    const char *path = r->d->topic[topic].path;
    struct tr_err e = { 0 };
    if (access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR)) {
        tr_err_set(&e, TR_EFORMAT, "'%s' is missing; scaffolding makes an empty one", path);
        return pass_on(r, &e);
    }
    int rc = tr_read_all(path, &bytes, &n, r->err);
    rc = rc ? rc : build_rows(r, topic, bytes, n);
    tr__tally_topic_end(&r->tally, topic);
    free(bytes);
    return rc;
}

/* ---- the whole -------------------------------------------------------------------- */

/* A placeholder that no row has may be a name that was mistyped. */
static void tell_unused(const struct run *r)
{
    for (size_t i = 0; i < r->d->fill.n; i++) {
        struct tr_err e = { 0 };
        if (r->d->fill.text[i].used)
            continue;
        tr_err_set(&e, TR_EFORMAT, "'%s': no row has ${%s}", r->d->placeholders,
                   r->d->fill.text[i].name);
        tell_odd(r, &e);
    }
}

static int verdict(struct run *r)
{
    if (r->n_wrong)
        return tr_err_set(r->err, TR_EFORMAT, "the data set of '%s' has %zu fault%s",
                          r->d->structure, r->n_wrong, r->n_wrong > 1 ? "s" : "");
    if (!r->n_row)
        return tr_err_set(r->err, TR_EFORMAT, "the data set of '%s' has no rows",
                          r->d->structure);
    return 0;
}

static int build_all(struct run *r)
{
    int rc = tr__tally_begin(&r->tally, r->d, r->err);
    for (size_t i = 0; !rc && i < r->d->n_topic; i++)
        rc = build_topic(r, i);
    rc = rc ? rc : tr__stray_files(r->d, found_stray, r, r->err);
    if (rc)
        return rc;
    tr__tally_end(&r->tally);
    tell_unused(r);
    return verdict(r);
}

int tr_dataset_build(struct tr_dataset *d, struct tr_out *out,
                     const struct tr_tokenizer *tok, const struct tr_dataset_tell *tell,
                     struct tr_dataset_stats *stats, struct tr_err *err)
{
    struct tr_err mine = { 0 };
    struct run r = { .d = d, .out = out, .tell = tell, .err = &mine,
                     .tally = { .stats = stats, .tok = tok } };
    for (size_t i = 0; i < d->fill.n; i++)
        d->fill.text[i].used = 0;
    int rc = build_all(&r);
    tr__tally_release(&r.tally);
    tr__seen_release(&r.seen);
    free(r.line);
    return rc ? tr_err_set(err, mine.code, "%s", mine.text) : 0;
}
