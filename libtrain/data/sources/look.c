/* SPDX-License-Identifier: MIT
 *
 * What a file is, by its first bytes: rows of JSON or a text.  A text that becomes rows by
 * mistake is an error that names the way out; rows that become a text are trained on letter
 * by letter and nobody notices.  So one broken line does not make a text of the rest, and a
 * name that says JSON is believed.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/sources/brackets.h>
#include <libtrain/data/sources/sources.h>
#include <libtrain/text.h>

#include <string.h>

/* An object of JSON begins with a key and a colon, a text in braces hardly does. */
static int is_object(const unsigned char *p, size_t at, size_t n)
{
    if (at >= n || p[at] != '{')
        return 0;
    at = tr__past_blanks(p, at + 1, n);
    if (at >= n || p[at] != '"')
        return 0;
    at = tr__past_blanks(p, tr__past_string(p, at, n), n);
    return at == n || p[at] == ':';
}

/* 1 if a line is one object and no more. */
static int is_row(const unsigned char *p, size_t n)
{
    size_t end = is_object(p, 0, n) ? tr__value_end(p, 0, n) : 0;
    return end && tr__past_blanks(p, end, n) == n;
}

struct glance { /* at lines with something in them */
    size_t n_line, n_row;
};

/* Lines that end within n bytes, and the one that the file ends with. */
static struct glance glance_at(const unsigned char *p, size_t n, int all)
{
    struct glance g = { 0 };
    for (size_t at = 0, len; at < n; at += len + 1) {
        const unsigned char *end = memchr(p + at, '\n', n - at);
        if (!end && !all)
            break;
        len = end ? (size_t)(end - (p + at)) : n - at;
        g.n_line += tr__past_blanks(p + at, 0, len) < len;
        g.n_row += (size_t)is_row(p + at, len);
    }
    return g;
}

/* n bytes of the file, `all` if there are no more. */
static enum tr__record_kind look(const unsigned char *p, size_t n, int all)
{
    size_t at = tr__past_blanks(p, 0, n);
    struct glance g = glance_at(p, n, all);
    if (at < n && p[at] == '[' && is_object(p, tr__past_blanks(p, at + 1, n), n))
        return TR__RECORD_ARRAY;
    if (!is_object(p, at, n))
        return 2 * g.n_row > g.n_line ? TR__RECORD_LINE : TR__RECORD_TEXT;
    const unsigned char *end = memchr(p + at, '\n', n - at);
    int in_line = !end || tr__value_end(p, at, (size_t)(end - p));
    return in_line || g.n_row ? TR__RECORD_LINE : TR__RECORD_VALUES;
}

static int ends_in(const char *name, size_t n, const char *end)
{
    size_t m = strlen(end);
    return n > m && !memcmp(name + n - m, end, m);
}

static int is_called_json(const char *name)
{
    size_t n = strlen(name);
    n -= ends_in(name, n, ".gz") ? 3 : ends_in(name, n, ".zst") ? 4 : 0;
    return ends_in(name, n, ".json") || ends_in(name, n, ".jsonl") ||
           ends_in(name, n, ".ndjson");
}

/* Rows are wanted; what else is there is told. */
static int no_rows(const char *name, const unsigned char *p, size_t n, struct tr_err *err)
{
    struct tr_text t;
    const char *known = tr__magic_known(p, n);
    if (known)
        return tr_err_set(err, TR_EFORMAT, "'%s' has no rows of JSON but is %s", name,
                          known);
    return tr_text_check(&t, (const char *)p, n, name, err);
}

static enum tr__record_kind kind_of(const char *format, int rows,
                                    enum tr__record_kind found)
{
    if (format && !rows)
        return strcmp(format, "ids") ? TR__RECORD_TEXT : TR__RECORD_IDS;
    return rows && found == TR__RECORD_TEXT ? TR__RECORD_LINE : found;
}

int tr__source_look(struct tr_source *s, const unsigned char *p, size_t n, int all,
                    struct tr_err *err)
{
    const char *format = s->o.format, *name = s->stream.name;
    int rows = format ? strcmp(format, "text") && strcmp(format, "ids")
                      : is_called_json(name);
    enum tr__record_kind found = look(p, n, all);
    s->kind = kind_of(format, rows, found);
    if (rows && found == TR__RECORD_TEXT)
        return no_rows(name, p, n, err);
    if (!format && found == TR__RECORD_TEXT && tr__magic_html(p, n))
        return tr_err_set(err, TR_EFORMAT, "'%s' is a web page, saved by mistake? Download "
                          "the file itself (--format text takes it as it is)", name);
    return 0;
}
