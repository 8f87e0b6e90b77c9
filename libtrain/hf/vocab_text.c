/* SPDX-License-Identifier: MIT
 *
 * Strings and numbers of JSON (RFC 8259) where they stand.  A string without escapes is
 * handed out as the bytes of the file; one with them is written anew.  The same is refused
 * as by json.h: bytes that are not UTF-8, control characters, half of a surrogate pair.
 */
#include <libtrain/hf/vocab_text.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

void tr__hf_cursor_release(struct tr__hf_cursor *c)
{
    free(c->own[0]);
    free(c->own[1]);
    c->own[0] = c->own[1] = NULL;
}

int tr__hf_place(struct tr__hf_cursor *c)
{
    unsigned long long line = 1;
    for (size_t i = 0; i < c->at && i < c->n; i++)
        line += c->b[i] == '\n';
    int code = tr_err_prefix(c->err, "'%s' line %llu byte %zu", c->name, line, c->at);
    return code ? code : TR_EFORMAT; /* there may be no err */
}

int tr__hf_wrong(struct tr__hf_cursor *c, const char *what)
{
    tr_err_set(c->err, TR_EFORMAT, "%s", what);
    return tr__hf_place(c);
}

void tr__hf_blank(struct tr__hf_cursor *c)
{
    while (c->at < c->n && (c->b[c->at] == ' ' || c->b[c->at] == '\n' ||
                            c->b[c->at] == '\t' || c->b[c->at] == '\r'))
        c->at++;
}

int tr__hf_accept(struct tr__hf_cursor *c, char what)
{
    tr__hf_blank(c);
    int is = c->at < c->n && c->b[c->at] == what;
    c->at += (size_t)is;
    return is;
}

int tr__hf_expect(struct tr__hf_cursor *c, char what)
{
    char text[] = "'?' is missing";
    text[1] = what;
    return tr__hf_accept(c, what) ? 0 : tr__hf_wrong(c, text);
}

/* ---- strings ---------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
           c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number of \uXXXX at p, or -1. */
static int32_t unit(const char *p, size_t left)
{
    int32_t v = 0;
    if (left < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        if (hex(p[i]) < 0)
            return -1;
        v = v << 4 | hex(p[i]);
    }
    return v;
}

static size_t spell(uint32_t c, char *to)
{
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    *to = (char)(lead[n] | c);
    return n;
}

/* The bytes that an escape at p stands for, and its length; 0: it is none. */
static size_t unescape(const char *p, size_t left, char *to, size_t *len)
{
    static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
    const char *k = left > 1 && p[1] ? strchr(from, p[1]) : NULL;
    *len = 2;
    if (k) {
        *to = is[k - from];
        return 1;
    }
    int32_t u = unit(p, left);
    *len = 6;
    if (u < 0 || (u >= 0xdc00 && u < 0xe000))
        return 0;
    if (u < 0xd800 || u >= 0xe000)
        return spell((uint32_t)u, to);
    int32_t low = unit(p + 6, left - 6);
    *len = 12;
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    return spell(0x10000 + (((uint32_t)u & 0x3ff) << 10) + ((uint32_t)low & 0x3ff), to);
}

/* Bytes from `at` on that stand for themselves. */
static size_t plain(struct tr__hf_cursor *c, size_t at)
{
    size_t from = at;
    while (at < c->n) {
        unsigned char b = (unsigned char)c->b[at];
        size_t len = b < 0x20 || b == '"' || b == '\\' ? 0 :
                     b < 0x80 ? 1 : tr__utf8_len(c->b + at, c->n - at);
        if (!len)
            break;
        at += len;
    }
    return at - from;
}

/* The rest of a string that has escapes, from `from` on, of which `n` bytes are plain. */
static int escaped(struct tr__hf_cursor *c, size_t from, size_t n, struct tr_str *s)
{
    size_t used = 0, len;
    c->at = from;
    for (;;) {
        if (tr__grow(&c->own[0], &c->cap[0], used + n + 4, 1))
            return tr__hf_wrong(c, "out of memory for a string");
        memcpy(c->own[0] + used, c->b + c->at, n);
        used += n;
        c->at += n;
        if (c->at == c->n || c->b[c->at] != '\\')
            break;
        n = unescape(c->b + c->at, c->n - c->at, c->own[0] + used, &len);
        if (!n)
            return tr__hf_wrong(c, "an escape that JSON does not have");
        used += n;
        c->at += len;
        n = plain(c, c->at);
    }
    *s = (struct tr_str){ c->own[0], used };
    return 0;
}

int tr__hf_string(struct tr__hf_cursor *c, struct tr_str *s)
{
    int rc = tr__hf_expect(c, '"');
    if (rc)
        return rc;
    size_t from = c->at, n = plain(c, from);
    c->at = from + n;
    *s = (struct tr_str){ c->b + from, n };
    if (c->at < c->n && c->b[c->at] == '\\')
        rc = escaped(c, from, n, s);
    if (rc)
        return rc;
    if (c->at == c->n)
        return tr__hf_wrong(c, "a string without an end");
    if (c->b[c->at] != '"')
        return tr__hf_wrong(c, (unsigned char)c->b[c->at] < 0x20 ?
                            "a control character in a string" :
                            "bytes that are not UTF-8");
    c->at++;
    return 0;
}

int tr__hf_keep(struct tr__hf_cursor *c, struct tr_str *s)
{
    if (s->ptr != c->own[0])
        return 0;
    if (tr__grow(&c->own[1], &c->cap[1], s->len + 1, 1))
        return -1;
    if (s->len)
        memcpy(c->own[1], s->ptr, s->len);
    s->ptr = c->own[1];
    return 0;
}

/* ---- numbers ---------------------------------------------------------------------- */

static size_t number_text(struct tr__hf_cursor *c, char to[40])
{
    size_t n = 0;
    tr__hf_blank(c);
    while (c->at + n < c->n && n < 39 && c->b[c->at + n] &&
           strchr("+-0123456789.eE", c->b[c->at + n])) {
        to[n] = c->b[c->at + n];
        n++;
    }
    to[n] = '\0';
    return n;
}

int tr__hf_integer(struct tr__hf_cursor *c, int64_t *v)
{
    char text[40], *end;
    size_t n = number_text(c, text);
    if (!n || n > 18 || *text == '+')
        return tr__hf_wrong(c, n ? "a number that is too large" : "not a number");
    *v = strtoll(text, &end, 10);
    if (*end)
        return tr__hf_wrong(c, "not an integer");
    c->at += n;
    return 0;
}

int tr__hf_number(struct tr__hf_cursor *c, double *v)
{
    char text[40], *end;
    size_t n = number_text(c, text);
    *v = n ? strtod(text, &end) : 0;
    if (!n || n == 39 || *text == '+' || *end)
        return tr__hf_wrong(c, "not a number");
    c->at += n;
    return 0;
}

/* ---- the rest --------------------------------------------------------------------- */

static int skip_string(struct tr__hf_cursor *c)
{
    for (c->at++; c->at < c->n; c->at++) {
        if (c->b[c->at] == '"') {
            c->at++;
            return 0;
        }
        c->at += c->b[c->at] == '\\';
    }
    c->at = c->n;
    return tr__hf_wrong(c, "a string without an end");
}

int tr__hf_skip(struct tr__hf_cursor *c)
{
    long depth = 0;
    tr__hf_blank(c);
    size_t from = c->at;
    while (c->at < c->n) {
        char b = c->b[c->at];
        if (!depth && c->at > from && (b == ',' || b == '}' || b == ']' || b == ' ' ||
                                       b == '\n' || b == '\r' || b == '\t'))
            return 0;
        if (b == '"') {
            int rc = skip_string(c);
            if (rc || !depth)
                return rc;
            continue;
        }
        depth += (b == '{' || b == '[') - (b == '}' || b == ']');
        c->at++;
        if (depth <= 0 && (b == '}' || b == ']'))
            return depth < 0 ? tr__hf_wrong(c, "a bracket too many") : 0;
    }
    return tr__hf_wrong(c, "a value without an end");
}
