/* SPDX-License-Identifier: MIT
 *
 * Placeholders.  A data set speaks of things that its reader may want otherwise - the name
 * of an assistant, the wording of a task - as ${NAME}; a file says what stands there.  A
 * name that the file does not have is an error, since no model should learn the bare
 * ${NAME}; $${NAME} is the text ${NAME} itself, for rows about programs.  What has other
 * letters than A-Z, 0-9 and _ between the braces is no placeholder and stays.  A text that
 * was put in is not looked at again.
 */
#include <libtrain/base/base.h>
#include <libtrain/dataset/tree.h>
#include <libtrain/text.h>

#include <stdlib.h>
#include <string.h>

/* ---- the file --------------------------------------------------------------------- */

/* Bytes of a name at s: A-Z first, then digits and _ too; 0: none. */
static size_t name_length(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && ((s[i] >= 'A' && s[i] <= 'Z') ||
                     (i && (s[i] == '_' || (s[i] >= '0' && s[i] <= '9')))))
        i++;
    return i;
}

static int keep(struct tr__fill_text *t, const char *text, size_t n, struct tr_err *err)
{
    t->text = malloc(n + 1);
    if (!t->text)
        return tr_err_set(err, TR_ENOMEM, "out of memory for placeholders");
    memcpy(t->text, text, n);
    t->text[n] = '\0';
    t->n = n;
    return 0;
}

/* The line break that ends a file is not meant. */
static int read_text(struct tr__fill_text *t, const char *list, const char *file,
                     struct tr_err *err)
{
    struct tr_text text;
    char *path = tr__beside(list, file, err);
    int rc = path ? tr_text_read(&text, path, 0, err) : -1;
    if (!rc) {
        size_t n = text.n;
        n -= n && text.bytes[n - 1] == '\n';
        n -= n < text.n && n && text.bytes[n - 1] == '\r';
        for (size_t i = 0, c; !rc && i < n; i += c)
            if (!(c = tr__utf8_len(text.bytes + i, n - i)))
                rc = tr_err_set(err, TR_EFORMAT, "'%s' byte %zu is not UTF-8", path, i);
        rc = rc ? rc : keep(t, text.bytes, n, err);
        tr_text_release(&text);
    }
    free(path);
    return rc;
}

static int read_one(struct tr__fill_text *t, const char *path, const struct tr_json *v,
                    struct tr_err *err)
{
    size_t n;
    const char *s;
    if (tr_json_kind(v) == TR_JSON_STRING) {
        s = tr_json_string(v, &n);
        return keep(t, s, n, err);
    }
    const struct tr_json *file =
        tr_json_kind(v) == TR_JSON_OBJECT ? tr_json_get(v, "file") : NULL;
    if (tr_json_kind(file) == TR_JSON_STRING)
        return read_text(t, path, tr_json_string(file, &n), err);
    return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is %s, not a string or {\"file\": NAME}",
                      path, t->name, tr__json_words(v));
}

int tr__fill_read(struct tr__fill *f, const char *path, struct tr_err *err)
{
    int rc = 0;
    if (!(f->root = tr__json_of_file(path, err)))
        return -1;
    if (tr_json_kind(f->root) != TR_JSON_OBJECT)
        return tr_err_set(err, TR_EFORMAT, "'%s' is %s, not an object of placeholders",
                          path, tr__json_words(f->root));
    f->text = calloc(tr_json_count(f->root) + 1, sizeof *f->text);
    if (!f->text)
        return tr_err_set(err, TR_ENOMEM, "out of memory for placeholders");
    for (struct tr_json_each e = tr_json_each(f->root); !rc && tr_json_next(&e);) {
        struct tr__fill_text *t = &f->text[f->n++];
        t->name = e.key;
        if (!e.n_key || name_length(e.key, e.n_key) != e.n_key)
            rc = tr_err_set(err, TR_EFORMAT, "'%s': '%s' is no name of a placeholder, "
                            "which has A-Z, then A-Z, 0-9 and _", path, e.key);
        rc = rc ? rc : read_one(t, path, e.value, err);
    }
    return rc;
}

void tr__fill_release(struct tr__fill *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->text[i].text);
    free(f->text);
    tr_json_free(f->root);
    *f = (struct tr__fill){ 0 };
}

/* ---- filling ---------------------------------------------------------------------- */

struct buffer {
    char *bytes;
    size_t n, cap;
};

static int put(struct buffer *b, const char *s, size_t n, struct tr_err *err)
{
    if (tr__grow(&b->bytes, &b->cap, b->n + n, 1))
        return tr_err_sys(err, "no room for a text of %zu bytes", b->n + n);
    if (n)
        memcpy(b->bytes + b->n, s, n);
    b->n += n;
    return 0;
}

static struct tr__fill_text *find(struct tr__fill *f, const char *s, size_t n)
{
    for (size_t i = 0; i < f->n; i++)
        if (strlen(f->text[i].name) == n && !memcmp(f->text[i].name, s, n))
            return &f->text[i];
    return NULL;
}

/* Bytes of ${NAME} at s; 0: there is none. */
static size_t placeholder(const char *s, size_t n)
{
    size_t name = n > 3 && s[0] == '$' && s[1] == '{' ? name_length(s + 2, n - 2) : 0;
    return name && name + 2 < n && s[name + 2] == '}' ? name + 3 : 0;
}

/* What stands at s goes to b; *taken: bytes of s. */
static int step(struct tr__fill *f, struct buffer *b, const char *s, size_t n,
                size_t *taken, struct tr_err *err)
{
    size_t quoted = *s == '$' ? placeholder(s + 1, n - 1) : 0, name = placeholder(s, n);
    if (quoted) {
        *taken = 1 + quoted;
        return put(b, s + 1, quoted, err);
    }
    if (!name) {
        const char *next = n > 1 ? memchr(s + 1, '$', n - 1) : NULL;
        *taken = next ? (size_t)(next - s) : n;
        return put(b, s, *taken, err);
    }
    struct tr__fill_text *t = find(f, s + 2, name - 3);
    if (!t)
        return tr_err_set(err, TR_EFORMAT, "nothing says what '%.*s' stands for; for these "
                          "very letters write '$%.*s'", (int)name, s, (int)name, s);
    t->used = 1;
    *taken = name;
    return put(b, t->text, t->n, err);
}

static int fill_string(struct tr__fill *f, const struct tr_json *v, struct tr_json **filled,
                       struct tr_err *err)
{
    struct buffer b = { 0 };
    size_t n, taken = 0;
    const char *s = tr_json_string(v, &n);
    int rc = 0;
    for (size_t i = 0; !rc && i < n; i += taken)
        rc = step(f, &b, s + i, n - i, &taken, err);
    if (!rc && !(*filled = tr_json_text(b.n ? b.bytes : "", b.n)))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    free(b.bytes);
    return rc;
}

/* Into a list, or under a key. */
static int fill_child(struct tr__fill *f, const struct tr_json *v, struct tr_json *to,
                      const char *key, struct tr_err *err)
{
    struct tr_json *filled;
    int rc = tr__fill_value(f, v, &filled, err);
    if (!rc && (key ? tr_json_set(to, key, filled) : tr_json_append(to, filled)))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    return rc;
}

static int fill_list(struct tr__fill *f, const struct tr_json *v, struct tr_json *to,
                     struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < tr_json_count(v); i++)
        rc = fill_child(f, tr_json_at(v, i), to, NULL, err);
    return rc;
}

/* Keys stay as they are. */
static int fill_object(struct tr__fill *f, const struct tr_json *v, struct tr_json *to,
                       struct tr_err *err)
{
    int rc = 0;
    for (struct tr_json_each e = tr_json_each(v); !rc && tr_json_next(&e);)
        rc = strlen(e.key) == e.n_key ? fill_child(f, e.value, to, e.key, err)
                                      : tr_err_set(err, TR_EFORMAT, "a key holds NUL");
    return rc;
}

static int fill_inner(struct tr__fill *f, const struct tr_json *v, struct tr_json **filled,
                      struct tr_err *err)
{
    int list = tr_json_kind(v) == TR_JSON_ARRAY;
    struct tr_json *to = list ? tr_json_array() : tr_json_object();
    int rc = to ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for a row");
    if (!rc)
        rc = list ? fill_list(f, v, to, err) : fill_object(f, v, to, err);
    if (rc)
        tr_json_free(to);
    *filled = rc ? NULL : to;
    return rc;
}

int tr__fill_value(struct tr__fill *f, const struct tr_json *v, struct tr_json **filled,
                   struct tr_err *err)
{
    *filled = NULL;
    if (tr_json_kind(v) == TR_JSON_STRING)
        return fill_string(f, v, filled, err);
    if (tr_json_kind(v) == TR_JSON_ARRAY || tr_json_kind(v) == TR_JSON_OBJECT)
        return fill_inner(f, v, filled, err);
    *filled = tr_json_share(v);
    return 0;
}
