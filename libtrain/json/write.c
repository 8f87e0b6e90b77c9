/* SPDX-License-Identifier: MIT
 *
 * The text of a value, byte for byte what Python's json.dumps gives, since templates that
 * print JSON were written for that.  json-c's own writer differs in blanks and in reals.
 */
#include <libtrain/base/base.h>
#include <libtrain/json.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out {
    char **buf;
    size_t *n, *cap;
    struct tr_json_style style;
    int failed;
};

static void put(struct out *o, const char *s, size_t n)
{
    if (o->failed || tr__grow(o->buf, o->cap, *o->n + n, 1)) {
        o->failed = 1;
        return;
    }
    memcpy(*o->buf + *o->n, s, n);
    *o->n += n;
}

static void puts_(struct out *o, const char *s)
{
    put(o, s, strlen(s));
}

/* ==== numbers ==== */

/* Digits d of d.ddd, without zeros at the end, and the exponent of ten. */
static size_t shortest(double x, char *digit, int *exponent)
{
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, x);
        if (strtod(text, NULL) == x)
            break;
    }
    size_t n = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digit[n++] = *p;
    *exponent = atoi(p + 1);
    while (n > 1 && digit[n - 1] == '0')
        n--;
    return n;
}

size_t tr_json_real_text(double x, char to[32])
{
    char digit[24];
    int e, at = 0;
    if (isnan(x) || isinf(x))
        return (size_t)snprintf(to, 32, "%s", isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
    if (signbit(x))
        to[at++] = '-';
    int n = (int)shortest(fabs(x), digit, &e);
    if (e < -4 || e >= 16)
        return (size_t)at + (size_t)snprintf(to + at, 32 - (size_t)at, "%c%s%.*se%c%02d",
                                             digit[0], n > 1 ? "." : "", n - 1, digit + 1,
                                             e < 0 ? '-' : '+', abs(e));
    if (e < 0) {
        at += snprintf(to + at, 32 - (size_t)at, "0.%.*s%.*s", -e - 1, "000", n, digit);
        return (size_t)at;
    }
    for (int i = 0; i < n || i <= e; i++) {
        if (i == e + 1)
            to[at++] = '.';
        to[at++] = i < n ? digit[i] : '0';
    }
    if (n <= e + 1) {
        to[at++] = '.';
        to[at++] = '0';
    }
    to[at] = '\0';
    return (size_t)at;
}

static void write_int(struct out *o, const struct tr_json *v)
{
    char text[32];
    if (tr_json_is_big(v))
        snprintf(text, sizeof text, "%" PRIu64, (uint64_t)tr_json_int(v));
    else
        snprintf(text, sizeof text, "%" PRId64, tr_json_int(v));
    puts_(o, text);
}

static void write_real(struct out *o, const struct tr_json *v)
{
    char text[32];
    double x = tr_json_real(v);
    put(o, text, tr_json_real_text(x, text));
}

/* ==== strings ==== */

size_t tr_json_escape(uint32_t c, int ascii, char to[16])
{
    static const char from[] = "\"\\\n\r\t\f\b", as[] = "\"\\nrtfb";
    const char *p = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    int beyond = ascii && c > 0x7e;
    if (p)
        return (size_t)snprintf(to, 16, "\\%c", as[p - from]);
    if (c < 0x20 || (beyond && c < 0x10000))
        return (size_t)snprintf(to, 16, "\\u%04x", (unsigned)c);
    if (beyond)
        return (size_t)snprintf(to, 16, "\\u%04x\\u%04x",
                                0xd800 + (unsigned)((c - 0x10000) >> 10),
                                0xdc00 + (unsigned)((c - 0x10000) & 0x3ff));
    return 0;
}

static int is_plain(const struct out *o, unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' &&
           (!(o->style.flags & TR_JSON_ASCII) || c < 0x7f);
}

static void write_string(struct out *o, const char *s, size_t n)
{
    char text[16];
    put(o, "\"", 1);
    for (size_t at = 0, len; at < n; at += len) {
        for (len = 0; at + len < n && is_plain(o, (unsigned char)s[at + len]);)
            len++;
        put(o, s + at, len);
        if (len)
            continue;
        len = tr__utf8_len(s + at, n - at);
        if (len)
            put(o, text, tr_json_escape(tr__utf8_code(s + at, len),
                                        o->style.flags & TR_JSON_ASCII, text));
        len = len ? len : 1;
    }
    put(o, "\"", 1);
}

/* ==== containers ==== */

static void write_value(struct out *o, const struct tr_json *v, int depth);

static void new_line(struct out *o, int depth)
{
    if (o->style.indent < 0)
        return;
    put(o, "\n", 1);
    for (int i = 0; i < depth * o->style.indent; i++)
        put(o, " ", 1);
}

static void write_array(struct out *o, const struct tr_json *v, int depth)
{
    size_t n = tr_json_count(v);
    put(o, "[", 1);
    for (size_t i = 0; i < n; i++) {
        if (i)
            puts_(o, o->style.item);
        new_line(o, depth + 1);
        write_value(o, tr_json_at(v, i), depth + 1);
    }
    if (n)
        new_line(o, depth);
    put(o, "]", 1);
}

static int by_key(const void *a, const void *b)
{
    const struct tr_json_each *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static void write_entries(struct out *o, struct tr_json_each *entry, size_t n, int depth)
{
    if (o->style.flags & TR_JSON_SORT)
        qsort(entry, n, sizeof *entry, by_key);
    for (size_t i = 0; i < n; i++) {
        if (i)
            puts_(o, o->style.item);
        new_line(o, depth + 1);
        write_string(o, entry[i].key, entry[i].n_key);
        puts_(o, o->style.key);
        write_value(o, entry[i].value, depth + 1);
    }
}

static void write_object(struct out *o, const struct tr_json *v, int depth)
{
    size_t n = tr_json_count(v), i = 0;
    struct tr_json_each each = tr_json_each(v), *entry = malloc((n + 1) * sizeof *entry);
    if (!entry) {
        o->failed = 1;
        return;
    }
    while (i < n && tr_json_next(&each))
        entry[i++] = each;
    put(o, "{", 1);
    write_entries(o, entry, n, depth);
    if (n)
        new_line(o, depth);
    put(o, "}", 1);
    free(entry);
}

static void write_value(struct out *o, const struct tr_json *v, int depth)
{
    size_t n;
    const char *s;
    switch (tr_json_kind(v)) {
    case TR_JSON_NULL: puts_(o, "null"); break;
    case TR_JSON_BOOL: puts_(o, tr_json_bool(v) ? "true" : "false"); break;
    case TR_JSON_INT: write_int(o, v); break;
    case TR_JSON_REAL: write_real(o, v); break;
    case TR_JSON_STRING:
        s = tr_json_string(v, &n);
        write_string(o, s, n);
        break;
    case TR_JSON_ARRAY: write_array(o, v, depth); break;
    case TR_JSON_OBJECT: write_object(o, v, depth); break;
    }
}

int tr_json_write(const struct tr_json *v, const struct tr_json_style *style, char **buf,
                  size_t *n, size_t *cap)
{
    static const struct tr_json_style one_line = { .indent = -1 };
    struct out o = { buf, n, cap, style ? *style : one_line, 0 };
    size_t before = *n;
    if (!o.style.item)
        o.style.item = o.style.indent < 0 ? ", " : ",";
    if (!o.style.key)
        o.style.key = ": ";
    write_value(&o, v, 0);
    if (o.failed)
        *n = before;
    return o.failed ? -1 : 0;
}
