/* SPDX-License-Identifier: MIT
 *
 * What stands in front of a README.md between lines of "---": YAML, of which model cards use
 * little (https://huggingface.co/docs/hub/model-cards): texts, and lists of texts in lines or in
 * brackets.  All else, and what hangs below a key in other ways, is passed over.  Next: meta.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/hf/meta.h>
#include <libtrain/hf/text.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4 << 20, MOST_WORDS = 1 << 12 };

struct card {
    struct tr_json *all, *list; /* list: of the key that lines with "- " belong to, or NULL */
    int failed;
};

static struct tr_str trim(struct tr_str s)
{
    while (s.len && strchr(" \t\r", s.ptr[0]))
        s = (struct tr_str){ s.ptr + 1, s.len - 1 };
    while (s.len && strchr(" \t\r", s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* A text without its quotes, or a plain one without a comment behind it; NULL for what is none:
 * null, an object, an anchor, lines that follow, and escapes. */
static struct tr_json *text_of(struct tr_str s)
{
    s = trim(s);
    if (!s.len || tr_str_is(s, "null") || tr_str_is(s, "~"))
        return NULL;
    if (*s.ptr == '"' || *s.ptr == '\'') {
        const char *end = memchr(s.ptr + 1, *s.ptr, s.len - 1);
        size_t n = end ? (size_t)(end - s.ptr) - 1 : 0;
        int escapes = n && *s.ptr == '"' && memchr(s.ptr + 1, '\\', n);
        return n && !escapes ? tr_json_text(s.ptr + 1, n) : NULL;
    }
    if (strchr("{[&*!|>%@`#", *s.ptr))
        return NULL;
    for (size_t i = 1; i < s.len; i++)
        if (s.ptr[i] == '#' && s.ptr[i - 1] == ' ')
            s.len = i;
    for (size_t i = 0; i + 1 < s.len; i++)
        if (s.ptr[i] == ':' && s.ptr[i + 1] == ' ')
            return NULL; /* a key below a key */
    s = trim(s);
    return tr_json_text(s.ptr, s.len);
}

static void append(struct card *c, struct tr_json *list, struct tr_str s)
{
    struct tr_json *v = text_of(s);
    if (v && tr_json_count(list) < MOST_WORDS)
        c->failed |= tr_json_append(list, v) != 0;
    else
        tr_json_free(v);
}

/* "[a, b]" */
static void brackets(struct card *c, struct tr_json *list, struct tr_str s)
{
    for (size_t i = 0, from = 0; i <= s.len; i++)
        if (i == s.len || s.ptr[i] == ',') {
            append(c, list, (struct tr_str){ s.ptr + from, i - from });
            from = i + 1;
        }
}

static void take_key(struct card *c, struct tr_str line)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t n = colon ? (size_t)(colon - line.ptr) : 0;
    char key[64];
    c->list = NULL;
    if (!n || n >= sizeof key)
        return;
    snprintf(key, sizeof key, "%.*s", (int)n, line.ptr);
    struct tr_str rest = trim((struct tr_str){ colon + 1, line.len - n - 1 });
    int in_brackets = rest.len > 1 && *rest.ptr == '[' && rest.ptr[rest.len - 1] == ']';
    struct tr_json *v = !rest.len || in_brackets ? tr_json_array() : text_of(rest);
    if (in_brackets && v)
        brackets(c, v, (struct tr_str){ rest.ptr + 1, rest.len - 2 });
    c->list = rest.len ? NULL : v;
    if (v)
        c->failed |= tr_json_set(c->all, key, v) != 0;
}

static void take_line(struct card *c, struct tr_str line)
{
    struct tr_str s = trim(line);
    if (!s.len || *s.ptr == '#')
        return;
    if (*s.ptr == '-' && s.len > 1 && s.ptr[1] == ' ') {
        if (c->list)
            append(c, c->list, (struct tr_str){ s.ptr + 1, s.len - 1 });
    } else if (s.ptr == line.ptr) {
        take_key(c, s);
    } else {
        c->list = NULL; /* something deeper */
    }
}

static int is_rule(struct tr_str line)
{
    return line.len >= 3 && tr_str_is(trim(line), "---") && *line.ptr == '-';
}

static void read_all(struct card *c, const char *text, size_t size)
{
    int line = 0;
    for (size_t at = 0; at < size && !c->failed; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        struct tr_str s = { text + at, end ? (size_t)(end - text) - at : size - at };
        at += s.len + 1;
        if (is_rule(s) != !line)
            return;
        if (line)
            take_line(c, s);
    }
}

static int is_utf8(const char *text, size_t size)
{
    size_t i = 0;
    for (size_t n; i < size && (n = tr__utf8_len(text + i, size - i)); i += n)
        ;
    return i == size;
}

struct tr_json *tr__hf_card(const char *folder, struct tr_err *err)
{
    char path[PATH_MAX], *text = NULL;
    size_t n = 0;
    struct tr_err why = { 0 };
    struct card c = { .all = tr_json_object() };
    int there = snprintf(path, sizeof path, "%s/README.md", folder) < PATH_MAX &&
                !access(path, R_OK);
    if (there && c.all && !tr__hf_text(path, MOST, &text, &n, &why) && is_utf8(text, n))
        read_all(&c, text, n);
    free(text);
    if (c.all && !c.failed && why.code != TR_ENOMEM)
        return c.all;
    tr_json_free(c.all);
    tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", path);
    return NULL;
}
