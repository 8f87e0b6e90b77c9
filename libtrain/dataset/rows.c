/* SPDX-License-Identifier: MIT
 *
 * The rows of a topic: a list of objects in JSON.  The list is cut into its rows by
 * brackets and quotes alone, and each is then read by itself, so that a fault is told with
 * the row, line and byte where it is, and the rows behind it are looked at too; paste.c
 * adds a row without touching the bytes of the others.
 */
#include <libtrain/base/base.h>
#include <libtrain/dataset/tree.h>

#include <inttypes.h>
#include <string.h>

static void skip_blanks(struct tr__rows *r)
{
    while (r->at < r->n && r->bytes[r->at] && strchr(" \t\r\n", r->bytes[r->at]))
        r->at++;
}

static uint64_t line_of(struct tr__rows *r, size_t at)
{
    for (; r->counted < at; r->counted++)
        r->line += r->bytes[r->counted] == '\n';
    return r->line;
}

static int wrong(struct tr__rows *r, const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 " byte %zu: %s", r->name,
                      line_of(r, r->at), r->at, what);
}

int tr__rows_begin(struct tr__rows *r, const char *name, const char *bytes, size_t n,
                   struct tr_err *err)
{
    *r = (struct tr__rows){ .name = name, .bytes = bytes, .n = n, .line = 1 };
    r->at = tr__bom(bytes, n);
    skip_blanks(r);
    if (r->at == n)
        return wrong(r, "the file is empty; a topic without rows is []", err);
    if (bytes[r->at] != '[')
        return wrong(r, "not a list of rows, which begins with '['", err);
    r->end = ++r->at;
    return 0;
}

/* Behind the string that begins at i, or n. */
static size_t behind_string(const struct tr__rows *r, size_t i)
{
    for (i++; i < r->n && r->bytes[i] != '"'; i++)
        i += r->bytes[i] == '\\';
    return i < r->n ? i + 1 : r->n;
}

/* Where the value that begins at i ends: at the ',' or ']' behind it, or n. */
static size_t end_of_value(const struct tr__rows *r, size_t i)
{
    size_t depth = 0;
    while (i < r->n) {
        char c = r->bytes[i];
        if (!depth && (c == ',' || c == ']' || c == '}'))
            return i;
        if (c == '"') {
            i = behind_string(r, i);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        i++;
    }
    return i;
}

/* Behind ']' nothing may stand. */
static int finish(struct tr__rows *r, struct tr_err *err)
{
    r->at++;
    skip_blanks(r);
    return r->at < r->n ? wrong(r, "something stands behind the list of rows", err) : 0;
}

/* The comma between two rows, or the end: 1, 0 or negative. */
static int separator(struct tr__rows *r, struct tr_err *err)
{
    skip_blanks(r);
    char c = r->at < r->n ? r->bytes[r->at] : '\0';
    if (c == ']')
        return finish(r, err);
    if (r->row) {
        if (c != ',')
            return wrong(r, r->at < r->n ? "neither ',' nor ']' stands behind a row"
                                         : "the list of rows does not end with ']'", err);
        r->at++;
        skip_blanks(r);
        if (r->at < r->n && r->bytes[r->at] == ']')
            return wrong(r, "a comma stands in front of ']'", err);
    }
    if (r->at == r->n)
        return wrong(r, "the list of rows does not end with ']'", err);
    return 1;
}

int tr__rows_next(struct tr__rows *r, struct tr__raw_row *raw, struct tr_err *err)
{
    int more = separator(r, err);
    if (more <= 0)
        return more;
    size_t begin = r->at, end = end_of_value(r, begin);
    if (begin == end)
        return wrong(r, "no row stands here", err);
    *raw = (struct tr__raw_row){ .bytes = r->bytes + begin, .line = line_of(r, begin),
                                 .byte = begin, .number = ++r->row };
    r->at = end;
    while (strchr(" \t\r\n", r->bytes[end - 1]) && r->bytes[end - 1])
        end--;
    raw->n = end - begin;
    r->end = end;
    return 1;
}

struct tr_json *tr__rows_parse(const struct tr__rows *r, const struct tr__raw_row *raw,
                               struct tr_err *err)
{
    struct tr_err e = { 0 };
    struct tr_json *row =
        tr_json_parse(raw->bytes, raw->n, r->name, raw->line, raw->byte, &e);
    if (e.code) {
        tr_err_set(err, e.code, "%s (in row %" PRIu64 ")", e.text, raw->number);
        return NULL;
    }
    if (tr_json_kind(row) == TR_JSON_OBJECT)
        return row;
    tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 " byte %" PRIu64 ", row %" PRIu64
               ": the row is %s, not an object", r->name, raw->line, raw->byte, raw->number,
               tr__json_words(row));
    tr_json_free(row);
    return NULL;
}
