/* SPDX-License-Identifier: MIT
 *
 * What json-c takes and bends: strings with half of a surrogate pair (they become U+FFFD),
 * numbers beyond its types (they become the nearest it has), NaN and Infinity, control
 * characters, keys with a NUL; and how large the values will be.  One pass over the bytes,
 * which json-c then parses (json.c).
 */
#include <libtrain/base/base.h>
#include <libtrain/json.h>
#include <libtrain/json/scan.h>

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The code unit of \uXXXX at p, of which `left` bytes are there; -1 if it is none. */
static int32_t unit(const char *p, size_t left)
{
    int32_t u = 0;
    if (left < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        const char *digits = "0123456789abcdef";
        const char *d = p[i] ? strchr(digits, p[i] | (p[i] >= 'A' ? 0x20 : 0)) : NULL;
        if (!d)
            return -1;
        u = u << 4 | (int32_t)(d - digits);
    }
    return u;
}

static const char *escape(const char *p, size_t left, size_t *len)
{
    *len = 2;
    if (left < 2)
        return "a string without an end";
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? NULL
                                                  : "an escape that JSON does not have";
    int32_t u = unit(p, left);
    *len = 6;
    if (u < 0)
        return "\\u without four hexadecimal digits";
    if (u < 0xd800 || u >= 0xe000)
        return NULL;
    int32_t low = unit(p + 6, left - 6);
    *len = 12;
    return u < 0xdc00 && low >= 0xdc00 && low < 0xe000 ? NULL : "half of a surrogate pair";
}

/* The character of a surrogate pair's twelve bytes, if json-c takes it for half of a pair
 * by its low sixteen bits and writes U+FFFD, as 0.16 does; else 0. */
static uint32_t bent(const char *p, size_t left)
{
    int32_t high = unit(p, left), low = high < 0xd800 || high >= 0xdc00 ? -1 :
                                        unit(p + 6, left - 6);
    uint32_t c = 0x10000 + (((uint32_t)high & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
    return low >= 0 && (c & 0xf800) == 0xd800 ? c : 0;
}

char *tr__json_unbent(const char *b, size_t n, size_t *m)
{
    char *text = malloc(n);
    *m = 0;
    for (size_t at = 0; text && at < n;) {
        size_t len = b[at] == '\\' ? 2 : 1;
        uint32_t c = len == 2 ? bent(b + at, n - at) : 0;
        if (c) {
            text[(*m)++] = (char)(0xf0 | c >> 18);
            for (int shift = 12; shift >= 0; shift -= 6)
                text[(*m)++] = (char)(0x80 | (c >> shift & 0x3f));
            len = 12;
        } else {
            memcpy(text + *m, b + at, len);
            *m += len;
        }
        at += len;
    }
    return text;
}

/* Eight bytes of ASCII that are neither quote, backslash nor control character. */
static int is_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, top = 0x80 * ones;
    uint64_t x;
    memcpy(&x, p, sizeof x);
    uint64_t quote = x ^ '"' * ones, slash = x ^ '\\' * ones;
    uint64_t odd = (x - 0x20 * ones) | (quote - ones) | (slash - ones) | x;
    return !(odd & top);
}

/* From behind the opening quote to behind the closing one. */
static const char *string(const char *b, size_t n, size_t *at, size_t *n_bent)
{
    while (*at < n) {
        size_t len = 1;
        if (n - *at >= 8 && is_plain(b + *at)) {
            *at += 8;
            continue;
        }
        unsigned char c = (unsigned char)b[*at];
        if (c == '"') {
            ++*at;
            return NULL;
        }
        const char *wrong = c == '\\' ? escape(b + *at, n - *at, &len) : NULL;
        if (!wrong && c < 0x20)
            wrong = "a control character in a string";
        if (!wrong && c >= 0x80 && !(len = tr__utf8_len(b + *at, n - *at)))
            wrong = "bytes that are not UTF-8";
        if (wrong)
            return wrong;
        *n_bent += len == 12 && bent(b + *at, n - *at);
        *at += len;
    }
    return "a string without an end";
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number of JSON in full, which json-c does not ask for: no leading zeros and no end in a
 * point or e; and one that a type can hold. */
static const char *number(const char *b, size_t n, size_t *at)
{
    char text[512];
    size_t p = *at, from = p;
    int real = 0;
    p += b[p] == '-';
    size_t digits = p;
    while (p < n && is_digit(b[p]))
        p++;
    if (p == digits || (b[digits] == '0' && p > digits + 1))
        return "not a number of JSON";
    for (int part = 0; part < 2; part++) {
        if (p == n || !strchr(part ? "eE" : ".", b[p]) || !b[p])
            continue;
        real = 1;
        p++;
        p += part && p < n && (b[p] == '+' || b[p] == '-');
        digits = p;
        while (p < n && is_digit(b[p]))
            p++;
        if (p == digits)
            return "not a number of JSON";
    }
    if (p - from >= sizeof text)
        return "a number of more than 500 digits";
    memcpy(text, b + from, p - from);
    text[p - from] = '\0';
    errno = 0;
    if (real ? !isfinite(strtod(text, NULL)) : p - from < 19 ? 0 :
        *text == '-' ? (strtoll(text, NULL, 10), errno) : (strtoull(text, NULL, 10), errno))
        return "a number that is too large";
    *at = p;
    return NULL;
}

/* json-c would end a key at a NUL. */
static int is_key_with_nul(const char *b, size_t from, size_t end, size_t n)
{
    size_t behind = end;
    while (behind < n && b[behind] && strchr(" \t\r\n", b[behind]))
        behind++;
    if (behind == n || b[behind] != ':' || !memchr(b + from, '\\', end - from))
        return 0;
    for (size_t i = from; i + 6 <= end; i += b[i] == '\\' ? 2 : 1)
        if (!memcmp(b + i, "\\u0000", 6))
            return 1;
    return 0;
}

static const char *quoted(const char *b, size_t n, size_t *at, size_t *n_bent)
{
    size_t from = ++*at;
    const char *wrong = string(b, n, at, n_bent);
    if (wrong || !is_key_with_nul(b, from, *at, n))
        return wrong;
    *at = from - 1;
    return "a key that holds NUL";
}

struct size { /* of what is being scanned */
    int depth;
    uint64_t room; /* of values in memory, about; beside strings */
};

static const char *other(char c, struct size *s)
{
    enum { OBJECT = 1024, ARRAY = 512, VALUE = 64 };
    switch (c) {
    case 'N':
    case 'I': return "NaN and Infinity are no numbers of JSON";
    case '/':
    case '\'': return "a character that JSON does not have";
    case '\0': return "a NUL byte";
    case '{': s->room += OBJECT; break;
    case '[': s->room += ARRAY; break;
    case ',': s->room += VALUE; break;
    default: break;
    }
    s->depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    return s->depth > TR_JSON_MAX_DEPTH ? "arrays and objects more than 128 deep" :
           s->room > TR_JSON_MAX_BYTES ? "more values than 1 GiB of memory holds" : NULL;
}

const char *tr__json_scan(const char *b, size_t n, size_t *at, size_t *n_bent)
{
    struct size size = { 0 };
    const char *wrong = NULL;
    *n_bent = 0;
    for (*at = 0; *at < n && !wrong;) {
        char c = b[*at];
        if (c == '"')
            wrong = quoted(b, n, at, n_bent);
        else if (c == '-' || is_digit(c))
            wrong = number(b, n, at);
        else if (!(wrong = other(c, &size)))
            ++*at;
    }
    return wrong;
}
