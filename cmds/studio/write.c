/* SPDX-License-Identifier: MIT
 *
 * JSON written to a stream as it comes: answers are built once and kept nowhere.
 */
#include "studio.h"

#include <math.h>
#include <string.h>

/* Bytes of the character at s, 0 for what is no UTF-8 (RFC 3629); *more: it may be one, cut off
 * at the end. */
static size_t character(const unsigned char *s, size_t left, int *more)
{
    size_t n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 :
               *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    unsigned low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
    unsigned high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
    *more = 0;
    for (size_t i = 1; i < n; i++) {
        if (i == left) {
            *more = 1;
            return 0;
        }
        if (s[i] < low || s[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return n;
}

int is_utf8(const char *text, size_t n)
{
    int more;
    for (size_t i = 0, k; i < n; i += k)
        if (!(k = character((const unsigned char *)text + i, n - i, &more)))
            return 0;
    return 1;
}

size_t whole_characters(const char *text, size_t n)
{
    int more = 0;
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        character((const unsigned char *)text + n - back, back, &more);
        if (more)
            return n - back;
    }
    return n;
}

static void put_character(FILE *f, const char *s, size_t n)
{
    char escape[16];
    size_t k = n == 1 ? tr_json_escape((unsigned char)*s, 0, escape) : 0;
    if (k)
        fwrite(escape, 1, k, f);
    else
        fwrite(s, 1, n, f);
}

void put_text(FILE *f, const char *text, size_t n)
{
    int more;
    putc('"', f);
    for (size_t i = 0, k; i < n; i += k ? k : 1)
        if ((k = character((const unsigned char *)text + i, n - i, &more)))
            put_character(f, text + i, k);
        else
            fputs("\xef\xbf\xbd", f);
    putc('"', f);
}

void put_string(FILE *f, const char *text)
{
    put_text(f, text, strlen(text));
}

void put_number(FILE *f, double v)
{
    if (!isfinite(v))
        fputs("null", f);
    else if (v == floor(v) && fabs(v) < 1e15)
        fprintf(f, "%.0f", v);
    else
        fprintf(f, "%.9g", v);
}

/* `key` has in front of it what parts it from the one before: "{" or ", ". */
static void put_key(FILE *f, const char *key)
{
    size_t n = strspn(key, "{, ");
    fprintf(f, "%.*s", (int)n, key);
    put_string(f, key + n);
    fputs(": ", f);
}

void put_pair(FILE *f, const char *key, const char *text)
{
    put_key(f, key);
    put_string(f, text);
}

void put_pair_number(FILE *f, const char *key, double v)
{
    put_key(f, key);
    put_number(f, v);
}

void put_event(FILE *f, const char *name, const char *json, size_t n)
{
    fprintf(f, "event: %s\ndata: %.*s\n\n", name, (int)n, json);
}
