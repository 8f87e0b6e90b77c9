/* SPDX-License-Identifier: MIT
 *
 * A file as a stream of bytes, unpacked if it is gzip (RFC 1952) or zstd (RFC 8878), also
 * of several members one after the other.  Its first bytes say so, not its name: downloads
 * lose their endings.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/sources/stream.h>
#include <libtrain/file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { ROOM = 256 << 10 };

struct packed { /* what comes from the file */
    unsigned char *data;
    size_t cap, at, n;
    int member; /* in the middle of one */
    z_stream z;
    ZSTD_DStream *zstd;
};

struct tr__unpack {
    const char *words, *magic;
    size_t n_magic;
    int (*begin)(struct packed *p);
    /* From p to at most *n bytes at `to`: *n becomes how many; -1: damaged. */
    int (*some)(struct packed *p, unsigned char *to, size_t *n);
    void (*end)(struct packed *p);
};

/* ---- gzip --------------------------------------------------------------------------- */

static int gzip_begin(struct packed *p)
{
    return inflateInit2(&p->z, 16 + MAX_WBITS) == Z_OK ? 0 : -1;
}

static int gzip_some(struct packed *p, unsigned char *to, size_t *n)
{
    if (!p->member && inflateReset(&p->z) != Z_OK)
        return -1;
    p->member = 1;
    p->z.next_in = p->data + p->at;
    p->z.avail_in = (uInt)(p->n - p->at);
    p->z.next_out = to;
    p->z.avail_out = (uInt)*n;
    int rc = inflate(&p->z, Z_NO_FLUSH);
    p->at = p->n - p->z.avail_in;
    *n -= p->z.avail_out;
    p->member = rc != Z_STREAM_END;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : -1;
}

static void gzip_end(struct packed *p)
{
    inflateEnd(&p->z);
}

/* ---- zstd --------------------------------------------------------------------------- */

static int zstd_begin(struct packed *p)
{
    p->zstd = ZSTD_createDStream();
    return p->zstd ? 0 : -1;
}

static int zstd_some(struct packed *p, unsigned char *to, size_t *n)
{
    ZSTD_inBuffer in = { p->data, p->n, p->at };
    ZSTD_outBuffer out = { to, *n, 0 };
    size_t rc = ZSTD_decompressStream(p->zstd, &out, &in);
    p->at = in.pos;
    *n = out.pos;
    p->member = rc != 0;
    return ZSTD_isError(rc) ? -1 : 0;
}

static void zstd_end(struct packed *p)
{
    ZSTD_freeDStream(p->zstd);
}

static const struct tr__unpack packings[] = {
    { "gzip", "\x1f\x8b", 2, gzip_begin, gzip_some, gzip_end },
    { "zstd", "\x28\xb5\x2f\xfd", 4, zstd_begin, zstd_some, zstd_end },
};

/* ---- the stream --------------------------------------------------------------------- */

static int read_file(struct tr__stream *s, unsigned char *to, size_t *n, struct tr_err *err)
{
    *n = fread(to, 1, *n, s->source);
    return *n || !ferror((FILE *)s->source)
               ? 0 : tr_err_sys(err, "cannot read '%s'", s->name);
}

/* Unpacked bytes behind data[n]. */
static int unpack(struct tr__stream *s, struct tr_err *err)
{
    struct packed *p = s->state;
    size_t n = 0;
    while (!n) {
        if (p->at == p->n) {
            p->at = 0;
            p->n = p->cap;
            if (read_file(s, p->data, &p->n, err))
                return -1;
        }
        int dry = p->at == p->n;
        if (dry && !p->member)
            return 0;
        n = s->cap - s->n;
        if (s->unpack->some(p, s->data + s->n, &n))
            return tr_err_set(err, TR_EFORMAT, "'%s' is damaged: its %s data cannot be "
                              "unpacked", s->name, s->unpack->words);
        if (dry && !n)
            return tr_err_set(err, TR_EFORMAT, "'%s' is cut: its %s data has no end",
                              s->name, s->unpack->words);
    }
    s->n += n;
    return 0;
}

int tr__stream_more(struct tr__stream *s, struct tr_err *err)
{
    size_t left = s->n - s->at;
    if (s->ended)
        return 0;
    if (left)
        memmove(s->data, s->data + s->at, left);
    s->at = 0;
    s->n = left;
    if (s->cap - s->n < ROOM / 2 && tr__grow(&s->data, &s->cap, s->cap + ROOM, 1))
        return tr_err_sys(err, "'%s': no memory to read on", s->name);
    size_t n = s->cap - s->n;
    if (s->unpack ? unpack(s, err) : read_file(s, s->data + s->n, &n, err))
        return -1;
    if (!s->unpack)
        s->n += n;
    s->ended = s->n == left;
    return !s->ended;
}

void tr__stream_skip(struct tr__stream *s, size_t n)
{
    s->at += n;
    s->offset += n;
}

/* What came in plain is packed data after all. */
static int begin_unpacking(struct tr__stream *s, const struct tr__unpack *u,
                           struct tr_err *err)
{
    struct packed *p = calloc(1, sizeof *p);
    if (!p || u->begin(p)) {
        free(p);
        return tr_err_set(err, TR_ENOMEM, "out of memory for unpacking '%s'", s->name);
    }
    s->state = p;
    s->unpack = u;
    p->data = s->data;
    p->cap = s->cap;
    p->n = s->n;
    s->data = NULL;
    s->cap = s->n = 0;
    return tr__stream_more(s, err);
}

int tr__stream_open(struct tr__stream *s, const char *path, struct tr_err *err)
{
    *s = (struct tr__stream){ .name = strcmp(path, "-") ? path : "standard input" };
    s->source = tr_in_open(path, err);
    if (!s->source)
        return -1;
    if (tr__grow(&s->data, &s->cap, ROOM, 1))
        return tr_err_sys(err, "'%s': no memory to read", s->name);
    int rc = 1;
    while (rc > 0 && s->n < 4) /* a pipe gives what it has */
        rc = tr__stream_more(s, err);
    for (size_t i = 0; rc >= 0 && i < sizeof packings / sizeof *packings; i++)
        if (s->n >= packings[i].n_magic &&
            !memcmp(s->data, packings[i].magic, packings[i].n_magic)) {
            s->ended = 0;
            return begin_unpacking(s, &packings[i], err) < 0 ? -1 : 0;
        }
    return rc < 0 ? -1 : 0;
}

void tr__stream_close(struct tr__stream *s)
{
    struct packed *p = s->state;
    if (p) {
        s->unpack->end(p);
        free(p->data);
        free(p);
    }
    free(s->data);
    if (s->source)
        fclose(s->source);
}
