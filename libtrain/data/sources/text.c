/* SPDX-License-Identifier: MIT
 *
 * Is it a text?  One pass over the bytes counts what a text does not hold, and the first
 * bytes say what else the file may be (base/magic.c).  Text of any language passes, with a
 * warning where a few letters are in an old encoding; where most are, a model would learn
 * single bytes.  NUL bytes and a share of control characters do not pass, since no encoding
 * of text but UTF-16 and UTF-32 has them.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/sources/brackets.h>
#include <libtrain/file.h>
#include <libtrain/text.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* One byte in so many: bytes of chance have one control character in ten, and of Western
 * text in an old encoding fewer letters than that are not UTF-8, of other text most. */
enum { MAX_CONTROL = 20, MAX_BAD = 20, MIN_BAD = 16 };

struct tally {
    size_t n_nul, nul, n_odd_nul; /* how many, the first, how many at odd offsets */
    size_t n_control;
    size_t n_bad, bad; /* bytes in no character of UTF-8 */
};

/* Bells, escape codes of terminals and the like are common in logs. */
static int is_control(unsigned char c)
{
    return (c < 0x20 && !strchr("\a\b\t\n\v\f\r\x1b", c)) || c == 0x7f;
}

static void count_ascii(struct tally *c, unsigned char byte, size_t at)
{
    if (byte == 0) {
        c->nul = c->n_nul++ ? c->nul : at;
        c->n_odd_nul += at % 2;
    } else {
        c->n_control += is_control(byte);
    }
}

/* 1 if each of these eight bytes is 0x20 to 0x7e. */
static int all_printable(const char *p)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t x;
    memcpy(&x, p, sizeof x);
    uint64_t small = (x - 0x20 * ones) & ~x; /* top bit: below 0x20, or below such a one */
    return !((x | (x + ones) | small) & 0x80 * ones);
}

static struct tally count(const char *p, size_t n)
{
    struct tally c = { 0 };
    for (size_t at = 0, step; at < n; at += step) {
        for (; n - at >= 8 && all_printable(p + at); at += 8)
            ;
        if (at == n)
            break;
        step = tr__utf8_len(p + at, n - at);
        if (step == 1)
            count_ascii(&c, (unsigned char)p[at], at);
        if (!step) {
            c.bad = c.n_bad++ ? c.bad : at;
            step = 1;
        }
    }
    return c;
}

/* ---- what is no text -------------------------------------------------------------- */

/* Half of the bytes of Western text in UTF-16 are NUL, all of them high halves. */
static const char *utf16(const struct tally *c, size_t n)
{
    if (c->n_nul < n / 3 || n < 4)
        return NULL;
    return c->n_odd_nul == c->n_nul ? "UTF-16LE" : !c->n_odd_nul ? "UTF-16BE" : NULL;
}

static int refuse(const struct tally *c, const char *p, size_t n, const char *name,
                  struct tr_err *err)
{
    const char *words = tr__magic_known((const unsigned char *)p, n);
    const char *encoding = utf16(c, n);
    if (tr__magic_binary((const unsigned char *)p, n))
        return tr_err_set(err, TR_EFORMAT, "'%s' is no plain text but %s", name, words);
    if (encoding)
        return tr_err_set(err, TR_EFORMAT, "'%s' is text in %s: make UTF-8 of it with "
                          "iconv -f %s -t UTF-8 first", name, encoding, encoding);
    if (c->n_nul && words)
        return tr_err_set(err, TR_EFORMAT, "'%s' is no plain text but %s", name, words);
    if (c->n_nul)
        return tr_err_set(err, TR_EFORMAT, "'%s' is no text: %llu of its %llu bytes are "
                          "NUL, the first at offset %llu", name, (ull)c->n_nul, (ull)n,
                          (ull)c->nul);
    if (c->n_control > n / MAX_CONTROL)
        return tr_err_set(err, TR_EFORMAT, "'%s' is no text: %llu of its %llu bytes are "
                          "control characters", name, (ull)c->n_control, (ull)n);
    if (c->n_bad > n / MAX_BAD && c->n_bad >= MIN_BAD)
        return tr_err_set(err, TR_EFORMAT, "'%s' is no text in UTF-8: %llu of its %llu "
                          "bytes are not, the first at offset %llu; if the encoding is "
                          "another, make UTF-8 of it with iconv", name, (ull)c->n_bad,
                          (ull)n, (ull)c->bad);
    return 0;
}

/* ---- what is odd ------------------------------------------------------------------ */

/* {"key": …}, or [{"key": …}], alone on the first line that is not blank. */
static int begins_with_json(const unsigned char *p, size_t n)
{
    size_t at = tr__past_blanks(p, 0, n);
    const unsigned char *line = at < n ? memchr(p + at, '\n', n - at) : NULL;
    size_t end = line ? (size_t)(line - p) : n;
    while (end > at && tr__is_blank(p[end - 1]))
        end--;
    size_t open = at < end && p[at] == '[' ? tr__past_blanks(p, at + 1, end) : at;
    if (open >= end || p[open] != '{')
        return 0;
    open = tr__past_blanks(p, open + 1, end);
    return open < end && p[open] == '"' && tr__value_end(p, at, end) == end;
}

static char *next_warning(struct tr_text *t)
{
    size_t i = 0;
    while (*t->warning[i])
        i++;
    return t->warning[i];
}

static void warn(struct tr_text *t, const struct tally *c, const char *p, size_t n)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t skip = n >= 3 && !memcmp(p, mark, 3) ? 3 : 0;
    if (c->n_bad)
        snprintf(next_warning(t), sizeof *t->warning, "%llu of %llu bytes are not UTF-8, "
                 "the first at offset %llu; if the encoding is another, iconv makes UTF-8 "
                 "of it",
                 (ull)c->n_bad, (ull)n, (ull)c->bad);
    if (skip)
        snprintf(next_warning(t), sizeof *t->warning, "a byte order mark at the beginning "
                 "becomes tokens like all else; tail -c +4 takes it away");
    if (begins_with_json((const unsigned char *)p + skip, n - skip))
        snprintf(next_warning(t), sizeof *t->warning, "the first line is a record of JSON; "
                 "as a text, its braces and names of fields count like all else");
}

/* ---- the whole -------------------------------------------------------------------- */

int tr_text_check(struct tr_text *t, const char *bytes, size_t n, const char *name,
                  struct tr_err *err)
{
    struct tally c = count(bytes, n);
    memset(t->warning, 0, sizeof t->warning);
    int rc = refuse(&c, bytes, n, name, err);
    if (!rc)
        warn(t, &c, bytes, n);
    return rc;
}

static int read_bytes(struct tr_text *t, const char *path, struct tr_err *err)
{
    enum { FIRST = 8 << 10, ROOM = 256 << 10 };
    FILE *f = tr_in_open(path, err);
    size_t n = 1;
    int rc = f ? 0 : err ? err->code : TR_EIO;
    while (!rc && n) {
        size_t room = t->n < FIRST ? FIRST : t->n < ROOM ? t->n : ROOM;
        if (tr__spool_grow(&t->bytes, &t->cap, t->n + room, 1)) {
            rc = tr_err_sys(err, "'%s': no memory for a text of more than %zu bytes", path,
                            t->n);
            break;
        }
        n = fread(t->bytes + t->n, 1, t->cap - t->n - 1, f);
        if (ferror(f)) /* while errno is its own */
            rc = tr_err_sys(err, "cannot read '%s'",
                            strcmp(path, "-") ? path : "standard input");
        t->n += n;
        t->bytes[t->n] = 0;
    }
    if (f)
        fclose(f);
    if (rc)
        tr_text_release(t);
    return rc;
}

int tr_text_read(struct tr_text *t, const char *path, int flags, struct tr_err *err)
{
    *t = (struct tr_text){ 0 };
    int rc = read_bytes(t, path, err);
    if (rc || flags & TR_TEXT_BINARY)
        return rc;
    rc = tr_text_check(t, t->bytes, t->n, strcmp(path, "-") ? path : "standard input", err);
    if (rc)
        tr_text_release(t);
    return rc;
}

void tr_text_release(struct tr_text *t)
{
    tr__spool_free(t->bytes, t->cap, 1);
    *t = (struct tr_text){ 0 };
}
