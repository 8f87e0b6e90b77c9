/* SPDX-License-Identifier: MIT
 *
 * The words in tags: names, numbers, strings with Python's escapes, signs.  What Python
 * could read and C could not hold (long integers, half of a surrogate pair, names of
 * characters) is refused.  Next: parser.c.
 */
#include <libtrain/chat/lexer.h>
#include <libtrain/chat/unicode.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c, int base)
{
    int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
            c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
    return v < base ? v : -1;
}

static int name_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '_';
}

static char at(const struct tr__source *src, size_t i)
{
    return src->at + i < src->n ? src->s[src->at + i] : 0;
}

static int push(struct tr__source *src, enum tr__token_kind kind, size_t n)
{
    struct tr__lex t = { kind, src->line, src->s + src->at, n, 0, 0 };
    src->at += n;
    return tr__lex_push(src, t);
}

/* Digits with single underscores between them. */
static size_t digits(const struct tr__source *src, size_t from, int base)
{
    size_t i = from;
    while (digit(at(src, i), base) >= 0 ||
           (i > from && at(src, i) == '_' && digit(at(src, i + 1), base) >= 0))
        i++;
    return i;
}

/* Bytes of the number if it has a fraction or an exponent, else 0. */
static size_t real_size(const struct tr__source *src)
{
    size_t n = digits(src, 0, 10), e;
    int real = 0;
    if (src->at > 0 && src->s[src->at - 1] == '.')
        return 0;
    if (at(src, n) == '.' && digit(at(src, n + 1), 10) >= 0) {
        n = digits(src, n + 1, 10);
        real = 1;
    }
    if (at(src, n) == 'e' || at(src, n) == 'E') {
        e = n + 1 + (at(src, n + 1) == '+' || at(src, n + 1) == '-');
        if (digit(at(src, e), 10) >= 0)
            return digits(src, e, 10);
    }
    return real ? n : 0;
}

static int real(struct tr__source *src, size_t n)
{
    char text[64];
    size_t k = 0;
    if (n >= sizeof text)
        return tr__lex_fail(src, src->line, "a number of more than %zu characters",
                            sizeof text - 1);
    for (size_t i = 0; i < n; i++)
        if (at(src, i) != '_')
            text[k++] = at(src, i);
    text[k] = 0;
    if (push(src, TR__LEX_REAL, n))
        return src->err->code;
    src->token[src->n_token - 1].x = strtod(text, NULL);
    return 0;
}

static int number(struct tr__source *src)
{
    char c = at(src, 1) | 0x20;
    size_t n = real_size(src), from = 0;
    int base = at(src, 0) != '0' ? 10 : c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
    int64_t v = 0;
    if (n)
        return real(src, n);
    if (base != 10)
        from = 2 + (at(src, 2) == '_');
    n = digits(src, from, base);
    if (base == 10 && at(src, 0) == '0') /* no other digit behind a zero */
        for (n = 1; at(src, n) == '0' || (at(src, n) == '_' && at(src, n + 1) == '0');)
            n++;
    if (n == from) { /* 0x without digits: a zero and a name */
        n = 1;
        from = 0;
    }
    for (size_t i = from; i < n; i++) {
        if (at(src, i) == '_')
            continue;
        if (v > (INT64_MAX - 15) / base)
            return tr__lex_fail(src, src->line, "an integer beyond 64 bits");
        v = v * base + digit(at(src, i), base);
    }
    if (push(src, TR__LEX_INT, n))
        return src->err->code;
    src->token[src->n_token - 1].i = v;
    return 0;
}

static int name(struct tr__source *src)
{
    size_t n = 0;
    while (name_char(at(src, n)))
        n++;
    return push(src, TR__LEX_NAME, n);
}

static int sign(struct tr__source *src)
{
    static const char *const two[] = { "//", "**", "==", "!=", ">=", "<=" };
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (at(src, 0) == two[i][0] && at(src, 1) == two[i][1])
            return push(src, TR__LEX_SIGN, 2);
    if (at(src, 0) && strchr("+-/*%~[](){}><=.:|,;", at(src, 0)))
        return push(src, TR__LEX_SIGN, 1);
    return tr__lex_fail(src, src->line, "unexpected character '%.*s' (no name "
                                        "outside of ASCII is supported)",
                        (int)tr__char_offset(src->s + src->at, src->n - src->at, 1),
                        src->s + src->at);
}

struct string {
    struct tr__source *src;
    const char *p, *end; /* what is left of it */
    char *out;
    uint32_t line;
};

/* \x41, \u0041, \U00000041: so many hexadecimal digits. */
static int by_number(struct string *t, int n)
{
    uint32_t c = 0;
    for (int i = 0; i < n; i++, t->p++) {
        int d = t->p < t->end ? digit(*t->p, 16) : -1;
        if (d < 0)
            return tr__lex_fail(t->src, t->line, "an escape needs %d hexadecimal digits",
                                n);
        c = c << 4 | (uint32_t)d;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return tr__lex_fail(t->src, t->line, "an escape for no character");
    t->out += tr__char_put(c, t->out);
    return 0;
}

static void octal(struct string *t)
{
    uint32_t c = 0;
    for (int i = 0; i < 3 && t->p < t->end && digit(*t->p, 8) >= 0; i++)
        c = c << 3 | (uint32_t)digit(*t->p++, 8);
    t->out += tr__char_put(c, t->out);
}

/* Jinja writes other characters as their escape before it undoes escapes, so that a
 * backslash in front of one gives the escape's text. */
static void other_escape(struct string *t)
{
    static const char hex[] = "0123456789abcdef";
    size_t n;
    uint32_t c = tr__char_at(t->p, t->end, &n);
    *t->out++ = '\\';
    if (c < 0x80) {
        *t->out++ = *t->p++;
        return;
    }
    int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
    *t->out++ = c < 0x100 ? 'x' : c < 0x10000 ? 'u' : 'U';
    while (digits-- > 0)
        *t->out++ = hex[c >> 4 * digits & 15];
    t->p += n;
}

static int escape(struct string *t)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = *t->p;
    const char *simple = c ? strchr(from, c) : NULL;
    if (digit(c, 8) >= 0) {
        octal(t);
        return 0;
    }
    if (c == 'N')
        return tr__lex_fail(t->src, t->line, "escapes by name (\\N) are not supported");
    if (c == 'x' || c == 'u' || c == 'U') {
        t->p++;
        return by_number(t, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    }
    if (simple)
        *t->out++ = to[simple - from];
    else if (c != '\n') {
        other_escape(t);
        return 0;
    }
    t->p++;
    return 0;
}

static int string(struct tr__source *src)
{
    char quote = at(src, 0);
    size_t n = 1;
    struct string t = { .src = src, .line = src->line };
    struct tr__lex got = { TR__LEX_STRING, src->line, NULL, 0, 0, 0 };
    while (src->at + n < src->n && at(src, n) != quote)
        n += at(src, n) == '\\' ? 2 : 1;
    if (src->at + n >= src->n)
        return tr__lex_fail(src, src->line, "a string that does not end");
    t.p = src->s + src->at + 1;
    t.end = src->s + src->at + n;
    t.out = tr__pool_bytes(src->pool, 3 * n); /* \é becomes \xe9 */
    if (!t.out)
        return tr_err_set(src->err, TR_ENOMEM, "'%s': no memory", src->name);
    got.s = t.out;
    while (t.p < t.end) {
        if (*t.p == '\\') {
            t.p++;
            if (escape(&t))
                return src->err->code;
        } else {
            src->line += *t.p == '\n';
            *t.out++ = *t.p++;
        }
    }
    got.n = (size_t)(t.out - got.s);
    src->at += n + 1;
    return tr__lex_push(src, got);
}

int tr__lex_word(struct tr__source *src)
{
    char c = at(src, 0);
    if (c == '\'' || c == '"')
        return string(src);
    if (digit(c, 10) >= 0)
        return number(src);
    return name_char(c) ? name(src) : sign(src);
}
