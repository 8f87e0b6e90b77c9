/* SPDX-License-Identifier: MIT
 *
 * Texts of YAML: plain ones, which end with their lines and go on in lines further to the right,
 * quoted ones, whose ends of lines are blanks, and blocks, which keep theirs ("|") or not (">").
 */
#include <libtrain/hf/yaml_text.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

void tr__yaml_release(struct tr__yaml_text *t)
{
    free(t->s);
}

static void put(struct tr__yaml *y, struct tr__yaml_text *t, const char *s, size_t n)
{
    if (y->failed || tr__grow(&t->s, &t->cap, t->n + n + 1, 1)) {
        y->failed = 1;
        return;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

static void trim_end(struct tr__yaml_text *t, size_t from)
{
    while (t->n > from && t->s[t->n - 1] == ' ')
        t->s[--t->n] = '\0';
}

/* ---- lines ------------------------------------------------------------------------ */

void tr__yaml_end_line(struct tr__yaml *y)
{
    const char *end = y->at < y->n ? memchr(y->s + y->at, '\n', y->n - y->at) : NULL;
    y->at = end ? (size_t)(end - y->s) : y->n;
}

void tr__yaml_first(struct tr__yaml *y)
{
    while (y->at < y->n) {
        y->column = 0;
        for (; y->at < y->n && y->s[y->at] == ' '; y->column++)
            y->at++;
        if (y->at < y->n && !strchr("\n#", y->s[y->at]))
            return;
        tr__yaml_end_line(y);
        y->at += y->at < y->n;
    }
    y->column = -1;
}

void tr__yaml_next(struct tr__yaml *y)
{
    tr__yaml_end_line(y);
    y->at += y->at < y->n;
    tr__yaml_first(y);
}

int tr__yaml_is_end(const struct tr__yaml *y)
{
    size_t i = y->at;
    while (i < y->n && y->s[i] == ' ')
        i++;
    return i >= y->n || y->s[i] == '\n' || (y->s[i] == '#' && (!i || y->s[i - 1] == ' '));
}

void tr__yaml_skip_marks(struct tr__yaml *y)
{
    while (y->at < y->n && strchr("&! ", y->s[y->at])) {
        while (y->at < y->n && !strchr(" \n", y->s[y->at]))
            y->at++;
        while (y->at < y->n && y->s[y->at] == ' ')
            y->at++;
    }
}

/* ---- in quotes -------------------------------------------------------------------- */

/* The end of a line and blanks around it: a blank, or as many ends as empty lines follow. */
static void fold(struct tr__yaml *y, struct tr__yaml_text *t, size_t from)
{
    size_t empty = 0;
    trim_end(t, from);
    for (y->at++; y->at < y->n && strchr(" \n", y->s[y->at]); y->at++)
        empty += y->s[y->at] == '\n';
    if (!empty)
        put(y, t, " ", 1);
    while (empty-- > 0)
        put(y, t, "\n", 1);
}

static void put_code(struct tr__yaml *y, struct tr__yaml_text *t, unsigned long c)
{
    char s[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || !c)
        c = 0xfffd, n = 3;
    static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; i-- > 1; c >>= 6)
        s[i] = (char)(0x80 | (c & 0x3f));
    s[0] = (char)(first[n] | c);
    put(y, t, s, n);
}

/* Behind a backslash; 5.7 of the specification. */
static void escape(struct tr__yaml *y, struct tr__yaml_text *t)
{
    static const char name[] = "0abtnvfre\"/\\ N_LPxuU";
    static const unsigned code[] = { 0, 7, 8, 9, 10, 11, 12, 13, 27, '"', '/', '\\', ' ', 0x85,
                                     0xa0, 0x2028, 0x2029 };
    char digits[9] = "";
    const char *at = y->at < y->n && y->s[y->at] ? strchr(name, y->s[y->at]) : NULL;
    size_t i = at ? (size_t)(at - name) : 0, n = 0;
    if (y->at >= y->n)
        return;
    if (y->s[y->at] == '\n') {
        for (y->at++; y->at < y->n && y->s[y->at] == ' ';)
            y->at++;
        return;
    }
    y->at++;
    if (at && i < sizeof code / sizeof *code) {
        put_code(y, t, code[i]);
        return;
    }
    size_t wanted = at ? (size_t)2 << (i - sizeof code / sizeof *code) : 0;
    for (; n < wanted && y->at < y->n && strchr("0123456789abcdefABCDEF", y->s[y->at]); n++)
        digits[n] = y->s[y->at++];
    put_code(y, t, n == wanted ? strtoul(digits, NULL, 16) : 0);
}

/* 0 if there is no end. */
static int quoted(struct tr__yaml *y, struct tr__yaml_text *t)
{
    char quote = y->s[y->at++];
    size_t from = 0; /* blanks of escapes stay */
    t->quoted = 1;
    put(y, t, "", 0);
    while (y->at < y->n && !y->failed) {
        char c = y->s[y->at];
        if (c == quote && (quote == '"' || y->at + 1 == y->n || y->s[y->at + 1] != quote)) {
            y->at++;
            return 1;
        }
        if (c == '\n') {
            fold(y, t, from);
        } else if (c == '\\' && quote == '"') {
            y->at++;
            escape(y, t);
            from = t->n;
        } else {
            put(y, t, &c, 1);
            y->at += c == quote ? 2 : 1;
        }
    }
    y->at = y->n;
    return 0;
}

/* ---- plain ------------------------------------------------------------------------ */

/* How far a plain text goes in its line; between brackets they end it. */
static size_t plain_end(const struct tr__yaml *y, int in_flow)
{
    size_t i = y->at;
    for (; i < y->n && y->s[i] != '\n'; i++) {
        int gap = i + 1 == y->n || strchr(" \n", y->s[i + 1]);
        if ((y->s[i] == '#' && i && y->s[i - 1] == ' ') || (y->s[i] == ':' && gap) ||
            (in_flow && (strchr(",[]{}", y->s[i]) ||
                         (y->s[i] == ':' && strchr(",]}", y->s[i + 1])))))
            break;
    }
    return i;
}

/* The line that a plain text goes on in, if there is one: 1, and empty lines in front of it. */
static int plain_goes_on(struct tr__yaml *y, long parent, size_t *empty)
{
    struct tr__yaml next = *y;
    *empty = 0;
    for (next.at++; next.at < y->n && strchr(" \n", y->s[next.at]); next.at++) {
        next.column = y->s[next.at] == '\n' ? 0 : next.column + 1;
        *empty += y->s[next.at] == '\n';
    }
    if (next.at >= y->n || next.column <= parent || y->s[next.at] == '#')
        return 0;
    y->at = next.at;
    return 1;
}

static int plain(struct tr__yaml *y, long parent, int in_flow, struct tr__yaml_text *t)
{
    long column = y->column;
    size_t empty = 0;
    int more = !strchr("*|>%@`,]}", y->s[y->at]);
    if (!more)
        return 0;
    while (more && !y->failed) {
        size_t end = plain_end(y, in_flow);
        put(y, t, y->s + y->at, end - y->at);
        trim_end(t, 0);
        y->at = end;
        if (!in_flow && end < y->n && y->s[end] == ':')
            return 0; /* a key below a key in one line, or in a text of several */
        y->column = 0;
        more = !in_flow && end < y->n && y->s[end] == '\n' && plain_goes_on(y, parent, &empty);
        if (more && !empty)
            put(y, t, " ", 1);
        for (size_t i = 0; more && i < empty; i++)
            put(y, t, "\n", 1);
    }
    y->column = column;
    return 1;
}

/* ---- blocks ----------------------------------------------------------------------- */

struct block {
    int keeps;    /* ends of lines: "|" */
    char chomp;   /* of the last ones: '-' none, '+' all, else one */
    long column;  /* where its lines begin; -1: where the first does */
};

static struct block block_head(struct tr__yaml *y, long parent)
{
    struct block b = { .keeps = y->s[y->at++] == '|', .column = -1 };
    for (; y->at < y->n && strchr("+-123456789", y->s[y->at]); y->at++)
        if (strchr("+-", y->s[y->at]))
            b.chomp = y->s[y->at];
        else
            b.column = (parent < 0 ? 0 : parent) + y->s[y->at] - '0';
    tr__yaml_end_line(y);
    return b;
}

/* Ends of lines in front of a line; of those between lines that fold one is a blank, or goes. */
static void put_ends(struct tr__yaml *y, struct tr__yaml_text *t, size_t ends, int folds,
                     int is_first)
{
    if (folds && ends == 1 && !is_first)
        put(y, t, " ", 1);
    for (size_t i = folds || is_first; i < ends; i++)
        put(y, t, "\n", 1);
}

/* The reader stays at the end of its last line. */
static int block(struct tr__yaml *y, long parent, struct tr__yaml_text *t)
{
    struct block b = block_head(y, parent);
    size_t ends = 0, last = y->at;
    int was_deep = 0, is_first = 1; /* deep: further to the right, and so kept as it is */
    t->quoted = 1;
    put(y, t, "", 0);
    for (size_t at = y->at; at < y->n && !y->failed; y->at = at) {
        long column = 0;
        ends++;
        for (at++; at < y->n && y->s[at] == ' ' && (b.column < 0 || column < b.column); column++)
            at++;
        if (at >= y->n)
            break;
        if (y->s[at] == '\n')
            continue;
        if (column <= parent || column < b.column)
            break;
        b.column = b.column < 0 ? column : b.column;
        int deep = y->s[at] == ' ';
        put_ends(y, t, ends, !b.keeps && !deep && !was_deep, is_first);
        was_deep = deep;
        is_first = 0;
        y->at = at;
        tr__yaml_end_line(y);
        put(y, t, y->s + at, y->at - at);
        last = at = y->at;
        ends = 0;
    }
    if (t->n && b.chomp != '-')
        for (size_t i = 0; i < (b.chomp == '+' && ends ? ends : 1); i++)
            put(y, t, "\n", 1);
    y->at = last;
    return 1;
}

/* ---- all of them ------------------------------------------------------------------ */

int tr__yaml_text(struct tr__yaml *y, long parent, struct tr__yaml_text *t)
{
    return strchr("\"'", y->s[y->at]) ? quoted(y, t) :
           strchr("|>", y->s[y->at]) ? block(y, parent, t) : plain(y, parent, 0, t);
}

int tr__yaml_flow_text(struct tr__yaml *y, struct tr__yaml_text *t)
{
    return strchr("\"'", y->s[y->at]) ? quoted(y, t) : plain(y, -1, 1, t);
}

int tr__yaml_key(struct tr__yaml *y, struct tr__yaml_text *key)
{
    struct tr__yaml line = *y;
    struct tr__yaml_text t = { 0 };
    tr__yaml_end_line(&line);
    line.n = line.at;
    line.at = y->at;
    int is = line.at < line.n && !strchr("[{", line.s[line.at]);
    if (is && strchr("\"'", line.s[line.at])) {
        is = quoted(&line, &t);
    } else if (is) {
        size_t end = plain_end(&line, 0);
        put(&line, &t, line.s + line.at, end - line.at);
        trim_end(&t, 0);
        line.at = end;
    }
    while (is && line.at < line.n && line.s[line.at] == ' ')
        line.at++;
    is = is && t.n && line.at < line.n && line.s[line.at] == ':' &&
         (line.at + 1 == line.n || line.s[line.at + 1] == ' ');
    y->failed |= line.failed;
    if (!is || !key) {
        free(t.s);
        return is;
    }
    *key = t;
    for (y->at = line.at + 1; y->at < line.n && y->s[y->at] == ' ';)
        y->at++;
    return 1;
}

struct tr_json *tr__yaml_value(struct tr__yaml *y, const struct tr__yaml_text *t)
{
    static const char *const null[] = { "", "~", "null", "Null", "NULL" };
    for (size_t i = 0; i < sizeof null / sizeof *null && !t->quoted; i++)
        if (!t->s || !strcmp(t->s, null[i]))
            return NULL;
    struct tr_json *v = tr_json_text(t->s, t->n);
    y->failed |= !v;
    return v;
}
