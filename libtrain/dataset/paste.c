/* SPDX-License-Identifier: MIT
 *
 * Text that was copied from somewhere, into JSON: quotes, backslashes and line breaks are
 * what people get wrong by hand.  A row goes behind the last one of its file, whose other
 * bytes stay, in a new file that takes the name of the old one when it is whole.
 */
#include <libtrain/dataset/tree.h>

#include <stdlib.h>
#include <string.h>

/* ---- values ----------------------------------------------------------------------- */

static struct tr_json *string_of(const char *text, size_t n, const char *name,
                                 struct tr_err *err)
{
    for (size_t i = 0, c; i < n; i += c)
        if (!(c = tr__utf8_len(text + i, n - i))) {
            tr_err_set(err, TR_EFORMAT, "'%s' byte %zu is not UTF-8", name, i);
            return NULL;
        }
    struct tr_json *v = tr_json_text(text, n);
    if (!v)
        tr_err_set(err, TR_ENOMEM, "out of memory for a text");
    return v;
}

char *tr_dataset_quote(const char *text, size_t n, const char *name, size_t *bytes,
                       struct tr_err *err)
{
    char *quoted = NULL;
    size_t cap = 0;
    struct tr_json *v = string_of(text, n, name, err);
    *bytes = 0;
    if (!v)
        return NULL;
    int rc = tr_json_write(v, NULL, &quoted, bytes, &cap);
    tr_json_free(v);
    if (rc || tr__grow(&quoted, &cap, *bytes + 1, 1)) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a text");
        free(quoted);
        return NULL;
    }
    quoted[*bytes] = '\0';
    return quoted;
}

static int set_field(struct tr_json *row, const struct tr_dataset_field *f,
                     struct tr_err *err)
{
    struct tr_err e = { 0 };
    if (tr_json_has(row, f->key))
        return tr_err_set(err, TR_EINVAL, "'%s' is given twice", f->key);
    struct tr_json *v = f->json ? tr_json_parse(f->text, f->n, f->key, 0, 0, &e)
                                : string_of(f->text, f->n, f->key, &e);
    if (e.code)
        return tr_err_set(err, e.code, "%s", e.text);
    if (tr_json_set(row, f->key, v))
        return tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    return 0;
}

static struct tr_json *row_of(const struct tr_dataset_field *field, size_t n,
                              struct tr_err *err)
{
    struct tr_json *row = tr_json_object();
    int rc = row ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    for (size_t i = 0; !rc && i < n; i++)
        rc = set_field(row, &field[i], err);
    if (!rc)
        return row;
    tr_json_free(row);
    return NULL;
}

/* ---- the file --------------------------------------------------------------------- */

/* Look at all rows; r->end is behind the last. */
static int read_rows(struct tr__rows *r, const char *path, const char *bytes, size_t n,
                     struct tr_err *err)
{
    struct tr__raw_row raw;
    int more, rc = tr__rows_begin(r, path, bytes, n, err);
    if (rc)
        return rc;
    while ((more = tr__rows_next(r, &raw, err)) > 0) {
        struct tr_json *row = tr__rows_parse(r, &raw, err);
        if (!row)
            return -1;
        tr_json_free(row);
    }
    return more;
}

static void indent(char *to, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *to++ = text[i];
        if (text[i] == '\n') {
            memset(to, ' ', 2);
            to += 2;
        }
    }
}

/* The row as it stands in its file: a key a line, two blanks in front of each. */
static int write_row(struct tr_out *out, const struct tr_json *row, struct tr_err *err)
{
    char *text = NULL, *moved = NULL;
    size_t n = 0, cap = 0, lines = 0;
    const struct tr_json_style style = { .indent = 2 };
    int rc = tr_json_write(row, &style, &text, &n, &cap);
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    if (rc || !(moved = malloc(n + 2 * lines + 1)))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    if (!rc) {
        indent(moved, text, n);
        rc = tr_out_write(out, moved, n + 2 * lines, err);
    }
    free(text);
    free(moved);
    return rc;
}

static int write_file(struct tr_out *out, const struct tr__rows *r,
                      const struct tr_json *row, struct tr_err *err)
{
    const char *between = r->row ? ",\n  " : "\n  ", *rest = r->bytes + r->end;
    size_t left = r->n - r->end;
    int same_line = *rest == ']';
    int rc = tr_out_write(out, r->bytes, r->end, err);
    rc = rc ? rc : tr_out_write(out, between, strlen(between), err);
    rc = rc ? rc : write_row(out, row, err);
    if (!rc && same_line)
        rc = tr_out_write(out, "\n", 1, err);
    return rc ? rc : tr_out_write(out, rest, left, err);
}

static int append(const char *path, const struct tr__rows *r, const struct tr_json *row,
                  struct tr_err *err)
{
    struct tr_out *out = tr_out_open(path, err);
    if (!out)
        return -1;
    return tr_out_finish(out, write_file(out, r, row, err), err);
}

int tr_dataset_append(const char *path, const struct tr_dataset_field *field, size_t n,
                      struct tr_err *err)
{
    struct tr__rows rows;
    char *bytes = NULL;
    size_t size;
    struct tr_json *row = row_of(field, n, err);
    int rc = row ? tr_read_all(path, &bytes, &size, err) : -1;
    rc = rc ? rc : read_rows(&rows, path, bytes, size, err);
    rc = rc ? rc : append(path, &rows, row, err);
    free(bytes);
    tr_json_free(row);
    return rc;
}
