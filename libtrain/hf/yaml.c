/* SPDX-License-Identifier: MIT
 *
 * A reader for what model cards use of YAML 1.1 (https://yaml.org/spec/1.1/): a value ends where a
 * line begins that is not further to the right than what it belongs to.  The reader stands at the
 * first character of a line that has some, or behind a "- " of it, which counts as a column.
 * Every step takes a character at least, and nothing is read twice, so time is linear.
 * Read next: yaml_text.c, card.c.
 */
#include <libtrain/hf/yaml.h>
#include <libtrain/hf/yaml_text.h>

#include <string.h>

enum { MOST_DEPTH = 12, MOST_VALUES = 1 << 14 };

static struct tr_json *node(struct tr__yaml *y, long parent);

static int is_dash(const struct tr__yaml *y)
{
    return y->at < y->n && y->s[y->at] == '-' &&
           (y->at + 1 == y->n || strchr(" \n", y->s[y->at + 1]));
}

/* Keep a value, which may be NULL, as the entry of an array or, with a key, of an object. */
static void keep(struct tr__yaml *y, struct tr_json *to, const struct tr__yaml_text *key,
                 struct tr_json *v)
{
    if (!v || y->n_value >= MOST_VALUES || y->failed) {
        tr_json_free(v);
        return;
    }
    y->n_value++;
    y->failed |= key ? tr_json_set(to, key->s, v) != 0 : tr_json_append(to, v) != 0;
}

static struct tr_json *made(struct tr__yaml *y, struct tr_json *v)
{
    y->failed |= !v;
    return v;
}

/* ---- in brackets ------------------------------------------------------------------ */

/* Blanks, ends of lines, comments. */
static void skip_space(struct tr__yaml *y)
{
    while (y->at < y->n && strchr(" \n#", y->s[y->at]))
        if (y->s[y->at] == '#')
            tr__yaml_end_line(y);
        else
            y->at++;
}

static struct tr_json *flow(struct tr__yaml *y, int depth);

/* One entry up to its comma or bracket; with a key it is kept in a mapping. */
static void flow_entry(struct tr__yaml *y, struct tr_json *to, int is_map, int depth)
{
    struct tr__yaml_text key = { 0 };
    struct tr_json *v = NULL;
    if (is_map)
        tr__yaml_flow_text(y, &key);
    skip_space(y);
    if (is_map && y->at < y->n && y->s[y->at] == ':') {
        y->at++;
        skip_space(y);
    }
    if (y->at < y->n && !strchr(",]}", y->s[y->at]))
        v = flow(y, depth);
    if (is_map && !key.n) {
        tr_json_free(v);
        v = NULL;
    }
    keep(y, to, is_map ? &key : NULL, v);
    tr__yaml_release(&key);
    skip_space(y);
    if (y->at < y->n && y->s[y->at] == ',')
        y->at++;
    else if (y->at < y->n && !strchr("]}", y->s[y->at]))
        y->at = y->n; /* what is this? */
}

static struct tr_json *flow(struct tr__yaml *y, int depth)
{
    struct tr__yaml_text t = { 0 };
    if (!strchr("[{", y->s[y->at])) {
        struct tr_json *v = tr__yaml_flow_text(y, &t) ? tr__yaml_value(y, &t) : NULL;
        tr__yaml_release(&t);
        return v;
    }
    int is_map = y->s[y->at++] == '{';
    struct tr_json *v = made(y, is_map ? tr_json_object() : tr_json_array());
    if (depth >= MOST_DEPTH)
        y->at = y->n;
    for (skip_space(y); v && y->at < y->n && !strchr("]}", y->s[y->at]); skip_space(y))
        flow_entry(y, v, is_map, depth + 1);
    y->at += y->at < y->n;
    return v;
}

/* ---- in lines --------------------------------------------------------------------- */

/* What stands behind a key or a dash, in the line of either or below it. */
static struct tr_json *value(struct tr__yaml *y, long parent, int below_dash)
{
    struct tr_json *v = NULL;
    struct tr__yaml_text t = { 0 };
    tr__yaml_skip_marks(y);
    if (tr__yaml_is_end(y)) {
        tr__yaml_next(y);
        long least = parent + (below_dash || !is_dash(y)); /* a list may stand below its key */
        return y->column >= least ? node(y, least - 1) : NULL;
    }
    if (strchr("[{", y->s[y->at]))
        v = flow(y, y->depth);
    else if (tr__yaml_text(y, parent, &t))
        v = tr__yaml_value(y, &t);
    tr__yaml_release(&t);
    tr__yaml_next(y);
    return v;
}

static struct tr_json *sequence(struct tr__yaml *y, long column)
{
    struct tr_json *list = made(y, tr_json_array());
    while (list && !y->failed && y->at < y->n && y->column >= column) {
        if (y->column > column || !is_dash(y)) {
            if (y->column == column)
                break;
            tr__yaml_next(y);
            continue;
        }
        y->at++, y->column++;
        for (; y->at < y->n && y->s[y->at] == ' '; y->column++)
            y->at++;
        int nested = !tr__yaml_is_end(y) && (is_dash(y) || tr__yaml_key(y, NULL));
        keep(y, list, NULL, nested ? node(y, column) : value(y, column, 1));
    }
    return list;
}

static struct tr_json *mapping(struct tr__yaml *y, long column)
{
    struct tr_json *map = made(y, tr_json_object());
    while (map && !y->failed && y->at < y->n && y->column >= column) {
        struct tr__yaml_text key = { 0 };
        if (y->column > column || !tr__yaml_key(y, &key))
            tr__yaml_next(y);
        else
            keep(y, map, &key, value(y, column, 0));
        tr__yaml_release(&key);
    }
    return map;
}

/* A list, a mapping or a text, further to the right than its parent. */
static struct tr_json *node(struct tr__yaml *y, long parent)
{
    struct tr_json *v = NULL;
    long column = y->column;
    if (++y->depth > MOST_DEPTH)
        while (y->at < y->n && y->column > parent)
            tr__yaml_next(y);
    else if (is_dash(y))
        v = sequence(y, column);
    else if (tr__yaml_key(y, NULL))
        v = mapping(y, column);
    else
        v = value(y, parent, 1);
    y->depth--;
    return v;
}

struct tr_json *tr__hf_yaml(const char *text, size_t n)
{
    const char *nul = n ? memchr(text, '\0', n) : NULL;
    struct tr__yaml y = { .s = text, .n = nul ? (size_t)(nul - text) : n };
    struct tr_json *v = NULL;
    tr__yaml_first(&y);
    if (y.at < y.n)
        v = node(&y, -1);
    if (!y.failed && tr_json_kind(v) != TR_JSON_OBJECT) {
        tr_json_free(v);
        v = made(&y, tr_json_object());
    }
    if (!y.failed)
        return v;
    tr_json_free(v);
    return NULL;
}
