/* SPDX-License-Identifier: MIT
 *
 * Rows that are tokens already, {"input_ids": [...]}: what counts is said by "labels" (-100
 * where it does not) or "loss_mask" (1 where it does).  And lines of decimal ids, the form
 * that tokenize --text writes.
 */
#include <libtrain/data/sources/rows.h>

#include <inttypes.h>
#include <string.h>

#include <libtrain/data/sources/sources.h>

static int looks(const struct tr__reading *r)
{
    return tr_json_kind(tr__column(r, "input_ids")) == TR_JSON_ARRAY;
}

int tr__ids(struct tr__reading *r, const struct tr_json *list, struct tr_segment *to)
{
    size_t n = tr_json_count(list);
    uint32_t *id = tr__row_room(r, n * sizeof *id);
    if (!id)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct tr_json *v = tr_json_at(list, i);
        int64_t token = tr_json_kind(v) == TR_JSON_INT ? tr_json_int(v) : -1;
        if (token < 0 || token > INT32_MAX)
            return tr_err_set(r->err, TR_EFORMAT, "id %zu of %zu is no token", i + 1, n);
        id[i] = (uint32_t)token;
    }
    to->id = id;
    to->n_id = n;
    return 0;
}

static int counts(const struct tr_json *v, int labels)
{
    if (labels)
        return tr_json_kind(v) == TR_JSON_INT ? tr_json_int(v) != -100 : -1;
    if (tr_json_kind(v) == TR_JSON_BOOL)
        return tr_json_bool(v);
    return tr_json_kind(v) == TR_JSON_INT && tr_json_int(v) >= 0 && tr_json_int(v) <= 1
               ? (int)tr_json_int(v) : -1;
}

static int read_mask(struct tr__reading *r, const char *key, int labels,
                     struct tr_segment *s)
{
    const struct tr_json *list = tr__column(r, key);
    if (tr_json_kind(list) != TR_JSON_ARRAY || tr_json_count(list) != s->n_id)
        return tr_err_set(r->err, TR_EFORMAT, "'%s' has %zu entries, the ids are %zu",
                          tr__column_name(r, key), tr_json_count(list), s->n_id);
    unsigned char *mask = tr__row_room(r, s->n_id);
    if (!mask)
        return -1;
    for (size_t i = 0; i < s->n_id; i++) {
        int c = counts(tr_json_at(list, i), labels);
        if (c < 0)
            return tr_err_set(r->err, TR_EFORMAT, "entry %zu of '%s' is %s", i + 1,
                              tr__column_name(r, key),
                              labels ? "no token" : "neither 0 nor 1");
        mask[i] = (unsigned char)c;
    }
    s->mask = mask;
    return 0;
}

static int parse(struct tr__reading *r)
{
    struct tr_segment *s = looks(r) ? tr__segment(r) : NULL;
    if (!s)
        return looks(r) ? -1 : tr__bad_column(r, "input_ids", "a list of ids");
    if (tr__ids(r, tr__column(r, "input_ids"), s))
        return -1;
    if (tr__column(r, "labels"))
        return read_mask(r, "labels", 1, s);
    return tr__column(r, "loss_mask") ? read_mask(r, "loss_mask", 0, s) : 0;
}

const struct tr__row_form tr__row_tokens = { "tokens", "input_ids", looks, parse };

/* ---- lines of decimals --------------------------------------------------------------- */

static int line_failed(const struct tr_source *s, const struct tr_record *record, size_t at,
                       const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 " byte %" PRIu64 ": %s",
                      s->stream.name, record->line, record->at + at, what);
}

/* The number at p, of which `left` digits or less are there; *n bytes. */
static int64_t decimal(const char *p, size_t left, size_t *n)
{
    int64_t v = 0;
    for (*n = 0; *n < left && p[*n] >= '0' && p[*n] <= '9'; ++*n)
        v = v > INT32_MAX ? v : v * 10 + (p[*n] - '0');
    return *n && v <= INT32_MAX ? v : -1;
}

int tr__parse_ids(const struct tr_source *s, const struct tr_record *record,
                  struct tr_row *row, struct tr_err *err)
{
    struct tr__reading r = { .o = &s->o, .row = row, .err = err };
    struct tr_segment *to = tr__segment(&r);
    uint32_t *id = to ? tr__row_room(&r, (record->n / 2 + 1) * sizeof *id) : NULL;
    row->form = "ids";
    if (!id)
        return -1;
    for (size_t at = 0, n; at < record->n; at += n) {
        n = 1;
        if (record->bytes[at] && strchr(" \t\r", record->bytes[at]))
            continue;
        int64_t v = decimal(record->bytes + at, record->n - at, &n);
        if (v < 0)
            return line_failed(s, record, at,
                               n ? "a number that is no id" : "not a decimal id", err);
        id[to->n_id++] = (uint32_t)v;
    }
    to->id = id;
    return 0;
}
