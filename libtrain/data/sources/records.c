/* SPDX-License-Identifier: MIT
 *
 * A file is cut into records: one for a text, one a line, or the values of an array, whose
 * ends are found by counting brackets outside of strings.  look.c says which; what a record
 * says is for rows.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/sources/brackets.h>
#include <libtrain/data/sources/sources.h>
#include <libtrain/machine.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK = 64 << 10 };

void tr_record_release(struct tr_record *r)
{
    tr__spool_free(r->bytes, r->cap, 1);
    *r = (struct tr_record){ 0 };
}

const char *tr_source_name(const struct tr_source *s)
{
    return s->stream.name;
}

int tr_source_is_text(const struct tr_source *s)
{
    return s->kind == TR__RECORD_TEXT;
}

static int known_format(const char *format)
{
    for (size_t i = 0; tr_source_form(i); i++)
        if (!strcmp(tr_source_form(i), format))
            return 1;
    return 0;
}

static int begin(struct tr_source *s, struct tr_err *err)
{
    static const unsigned char mark[] = { 0xef, 0xbb, 0xbf };
    struct tr__stream *in = &s->stream;
    int more = 1;
    while (in->n - in->at < LOOK && more > 0)
        more = tr__stream_more(in, err);
    if (more < 0)
        return -1;
    size_t n = in->n - in->at;
    size_t skip = n >= 3 && !memcmp(in->data + in->at, mark, 3) ? 3 : 0;
    if (tr__source_look(s, in->data + in->at + skip, n - skip, !more, err))
        return -1;
    if (s->kind != TR__RECORD_TEXT)
        tr__stream_skip(in, skip);
    return 0;
}

struct tr_source *tr_source_open(const char *path, const struct tr_source_options *o,
                                 struct tr_err *err)
{
    struct tr_source *s = calloc(1, sizeof *s);
    if (!s) {
        tr_err_sys(err, "cannot read '%s'", path);
        return NULL;
    }
    s->o = o ? *o : (struct tr_source_options){ 0 };
    s->line = 1;
    int rc = s->o.format && !known_format(s->o.format)
                 ? tr_err_set(err, TR_EINVAL, "there is no form '%s'", s->o.format)
                 : tr__stream_open(&s->stream, path, err);
    if (!rc && !begin(s, err))
        return s;
    tr_source_close(s);
    return NULL;
}

void tr_source_close(struct tr_source *s)
{
    if (s)
        tr__stream_close(&s->stream);
    free(s);
}

/* ---- cutting ------------------------------------------------------------------------- */

static int record_begin(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    r->n = 0;
    r->number = ++s->number;
    r->line = s->line;
    r->at = s->stream.offset;
    if (tr__spool_grow(&r->bytes, &r->cap, 1, 1))
        return tr_err_sys(err, "no memory for a row of '%s'", s->stream.name);
    r->bytes[0] = '\0';
    return 0;
}

/* What is packed may be a thousand times as long as its file: large rows, which are parsed
 * in memory, ask whether there is some, which the system promises without having it. */
static int make_room(const struct tr_source *s, struct tr_record *r, size_t n)
{
    enum { LARGE = 64 << 20 };
    if (n <= r->cap)
        return 0;
    if (s->kind != TR__RECORD_TEXT && n > LARGE && (uint64_t)tr_machine_memory_available() < 2 * (uint64_t)n) {
        errno = ENOMEM;
        return -1;
    }
    return tr__spool_grow(&r->bytes, &r->cap, n, 1);
}

/* Move the first n bytes of the stream to the record. */
static int take(struct tr_source *s, struct tr_record *r, size_t n, struct tr_err *err)
{
    if (s->kind != TR__RECORD_TEXT && r->n + n > TR_JSON_MAX_BYTES)
        return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 " byte %" PRIu64 ": a row "
                          "of more than 1 GiB", s->stream.name, r->line, r->at);
    if (make_room(s, r, r->n + n + 1))
        return tr_err_sys(err, "'%s' line %" PRIu64 ": no memory for %s of %zu bytes",
                          s->stream.name, r->line,
                          s->kind == TR__RECORD_TEXT ? "a text" : "a row", r->n + n);
    memcpy(r->bytes + r->n, s->stream.data + s->stream.at, n);
    r->n += n;
    r->bytes[r->n] = '\0';
    tr__stream_skip(&s->stream, n);
    return 0;
}

static int next_text(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    int more = 1;
    if (s->begun || record_begin(s, r, err))
        return s->begun ? 0 : -1;
    s->begun = 1;
    while (more > 0) {
        if (take(s, r, s->stream.n - s->stream.at, err))
            return -1;
        more = tr__stream_more(&s->stream, err);
    }
    return more < 0 ? -1 : 1;
}

int tr_source_piece(struct tr_source *s, const char **bytes, size_t *n, struct tr_err *err)
{
    struct tr__stream *in = &s->stream;
    if (s->begun)
        tr__stream_skip(in, in->n - in->at);
    s->begun = 1;
    int more = in->at < in->n ? 1 : tr__stream_more(in, err);
    *bytes = (const char *)in->data + in->at;
    *n = in->n - in->at;
    return more;
}

/* A line without its end; 0 at the end of the file. */
static int any_line(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    struct tr__stream *in = &s->stream;
    int more = 1, some = 0;
    while (more > 0) {
        size_t n = in->n - in->at;
        const unsigned char *end = n ? memchr(in->data + in->at, '\n', n) : NULL;
        size_t len = end ? (size_t)(end - (in->data + in->at)) : n;
        some |= len > 0;
        if (take(s, r, len, err))
            return -1;
        if (end) {
            tr__stream_skip(in, 1);
            s->line++;
            return 1;
        }
        more = tr__stream_more(in, err);
    }
    return more < 0 ? -1 : some;
}

static int next_line(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    int rc, empty = 1;
    while (empty) {
        if (record_begin(s, r, err))
            return -1;
        rc = any_line(s, r, err);
        if (rc <= 0)
            return rc;
        empty = s->kind != TR__RECORD_IDS &&
                tr__past_blanks((unsigned char *)r->bytes, 0, r->n) == r->n;
        s->number -= (uint64_t)empty;
    }
    return 1;
}

/* The byte in front: 0 to 255, -1 at the end, -2: an error. */
static int peek(struct tr_source *s, struct tr_err *err)
{
    struct tr__stream *in = &s->stream;
    if (in->at == in->n) {
        int more = tr__stream_more(in, err);
        if (more <= 0)
            return more < 0 ? -2 : -1;
    }
    return in->data[in->at];
}

static int peek_past_blanks(struct tr_source *s, struct tr_err *err)
{
    int c;
    while ((c = peek(s, err)) >= 0 && tr__is_blank((unsigned char)c)) {
        s->line += c == '\n';
        tr__stream_skip(&s->stream, 1);
    }
    return c;
}

static int misplaced(struct tr_source *s, int c, const char *what, struct tr_err *err)
{
    if (c == -2)
        return -1;
    return tr_err_set(err, TR_EFORMAT, "'%s' line %" PRIu64 " byte %" PRIu64 ": %s",
                      s->stream.name, s->line, s->stream.offset, what);
}

/* What stands between the values of an array: 1 if a value comes, 0 if the array ended. */
static int between(struct tr_source *s, struct tr_err *err)
{
    static const char no_end[] = "the array has no end";
    int c = peek_past_blanks(s, err), comma = 0;
    if (!s->begun) {
        tr__stream_skip(&s->stream, 1); /* the bracket that was seen */
        c = peek_past_blanks(s, err);
    } else if (c == ',') {
        comma = 1;
        tr__stream_skip(&s->stream, 1);
        c = peek_past_blanks(s, err);
    } else if (c != ']') {
        return misplaced(s, c, c == -1 ? no_end : "no comma between rows", err);
    }
    s->begun = 1;
    if (c < 0 || (c == ']' && comma))
        return misplaced(s, c, c == -1 ? no_end : "a comma before the end", err);
    if (c != ']')
        return 1;
    tr__stream_skip(&s->stream, 1);
    c = peek_past_blanks(s, err);
    s->ended = 1;
    return c == -1 ? 0 : misplaced(s, c, "something behind the array", err);
}

struct nesting { /* of the value that is being cut */
    int depth, quoted, escaped, bare;
};

/* 1 if the value ends with this byte, 2 if before it, 0 if it goes on. */
static int step(struct nesting *n, unsigned char c)
{
    if (n->quoted) {
        n->quoted = n->escaped || c != '"';
        n->escaped = !n->escaped && c == '\\';
        return !n->quoted && !n->depth;
    }
    if (c == '"') {
        n->quoted = 1;
    } else if (c == '{' || c == '[') {
        n->depth++;
    } else if (c == '}' || c == ']') {
        if (n->depth == 0)
            return 2;
        return --n->depth == 0;
    } else if (n->depth == 0) { /* a number or a word: no row, but it has an end */
        return c == ',' || tr__is_blank(c) ? 2 : 0;
    }
    return 0;
}

static int cut_value(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    struct tr__stream *in = &s->stream;
    struct nesting n = { 0 };
    int more = 1, end = 0;
    while (!end && more > 0) {
        size_t i = in->at;
        for (; i < in->n && !end; i++) {
            s->line += in->data[i] == '\n';
            end = step(&n, in->data[i]);
        }
        if (end == 2 && (r->n || i > in->at + 1)) { /* a stray bracket is a record itself */
            i--;
            s->line -= in->data[i] == '\n';
        }
        if (take(s, r, i - in->at, err))
            return -1;
        if (!end)
            more = tr__stream_more(in, err);
    }
    return more < 0 ? -1 : 1; /* one without an end is refused by who parses it */
}

static int next_value(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    int c = s->ended ? -1 : s->kind == TR__RECORD_VALUES ? peek_past_blanks(s, err) : 0;
    if (c < 0)
        return c == -1 ? 0 : -1;
    if (s->kind == TR__RECORD_ARRAY) {
        int rc = between(s, err);
        if (rc <= 0)
            return rc;
    }
    return record_begin(s, r, err) ? -1 : cut_value(s, r, err);
}

int tr_source_next(struct tr_source *s, struct tr_record *r, struct tr_err *err)
{
    switch (s->kind) {
    case TR__RECORD_TEXT: return next_text(s, r, err);
    case TR__RECORD_IDS:
    case TR__RECORD_LINE: return next_line(s, r, err);
    default: return next_value(s, r, err);
    }
}
