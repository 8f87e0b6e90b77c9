/* SPDX-License-Identifier: MIT
 *
 * A token stream is a header, one record per document, and an end mark whose checksum
 * covers every byte before it (docs/formats/token-stream.md).  Nothing is sought, so a
 * pipe will do.
 */
#include <libtrain/base/base.h>
#include <libtrain/token.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    VERSION = 1,
    HEADER_BYTES = 32, /* magic, version, n_vocab, vocab_hash, hash of these 24 bytes */
    HEADER_HASHED = 24,
    END_BYTES = 24,    /* documents, tokens, hash of all bytes before it */
    AT_ONCE = 1 << 11, /* tokens written at a time, on the stack */
    CHUNK = 1 << 14    /* tokens for which a buffer has room at first */
};

static const uint64_t end_mark = UINT64_MAX; /* where a record has its token count */
static const uint32_t max_vocab = 0x80000000u;

/* ==== writing ==== */

struct tr_token_writer {
    FILE *f;
    XXH3_state_t *hash;
    uint32_t n_vocab;
    uint64_t n_doc, n_token;
    int failed; /* the first error sticks: later bytes would not make sense */
};

static int put(struct tr_token_writer *w, const void *data, size_t bytes,
               struct tr_err *err)
{
    if (w->failed)
        return tr_err_set(err, TR_EIO, "cannot write the token stream");
    XXH3_64bits_update(w->hash, data, bytes);
    if (fwrite(data, 1, bytes, w->f) == bytes)
        return 0;
    w->failed = 1;
    return tr_err_sys(err, "cannot write the token stream");
}

struct tr_token_writer *tr_token_writer_new(FILE *f, uint64_t vocab_hash,
                                            uint32_t n_vocab, struct tr_err *err)
{
    unsigned char head[HEADER_BYTES];
    struct tr_token_writer *w = NULL;

    if (n_vocab == 0 || n_vocab > max_vocab) {
        tr_err_set(err, TR_EFORMAT, "a vocabulary of %" PRIu32 " ids is out of range",
                   n_vocab);
        return NULL;
    }
    w = calloc(1, sizeof *w);
    if (!w || !(w->hash = XXH3_createState())) {
        tr_err_set(err, TR_ENOMEM, "out of memory for a token stream");
        goto fail;
    }
    w->f = f;
    w->n_vocab = n_vocab;
    XXH3_64bits_reset(w->hash);
    memcpy(head, TR__TOKEN_MAGIC, TR__MAGIC_BYTES);
    tr__put_u32(head + 8, VERSION);
    tr__put_u32(head + 12, n_vocab);
    tr__put_u64(head + 16, vocab_hash);
    tr__put_u64(head + HEADER_HASHED, XXH3_64bits(head, HEADER_HASHED));
    if (!put(w, head, sizeof head, err))
        return w;
fail:
    tr_token_writer_free(w);
    return NULL;
}

static int put_chunk(struct tr_token_writer *w, const uint32_t *token, size_t n,
                     struct tr_err *err)
{
    unsigned char buf[4 * AT_ONCE];

    for (size_t i = 0; i < n; i++) {
        if (TR_TOKEN_ID(token[i]) >= w->n_vocab) {
            w->failed = 1;
            return tr_err_set(err, TR_EFORMAT, "token id %" PRIu32 " is not below the "
                              "vocabulary's %" PRIu32, TR_TOKEN_ID(token[i]), w->n_vocab);
        }
        tr__put_u32(buf + 4 * i, token[i]);
    }
    return put(w, buf, 4 * n, err);
}

int tr_token_write(struct tr_token_writer *w, const uint32_t *token, size_t n,
                   struct tr_err *err)
{
    unsigned char count[8];
    int rc;

    tr__put_u64(count, n);
    rc = put(w, count, sizeof count, err);
    for (size_t i = 0; i < n && !rc; i += AT_ONCE)
        rc = put_chunk(w, token + i, n - i < AT_ONCE ? n - i : AT_ONCE, err);
    if (rc)
        return rc;
    w->n_doc++;
    w->n_token += n;
    return 0;
}

int tr_token_writer_end(struct tr_token_writer *w, struct tr_err *err)
{
    unsigned char end[8 + END_BYTES];
    int rc;

    tr__put_u64(end, end_mark);
    tr__put_u64(end + 8, w->n_doc);
    tr__put_u64(end + 16, w->n_token);
    rc = put(w, end, 24, err);
    if (rc)
        return rc;
    tr__put_u64(end + 24, XXH3_64bits_digest(w->hash));
    return put(w, end + 24, 8, err);
}

void tr_token_writer_free(struct tr_token_writer *w)
{
    if (!w)
        return;
    XXH3_freeState(w->hash);
    free(w);
}

/* ==== reading ==== */

struct tr_token_reader {
    FILE *f;
    char *name;
    XXH3_state_t *hash;
    uint64_t vocab_hash;
    uint32_t n_vocab;
    uint64_t n_doc, n_token;
    uint32_t *token; /* the present document */
    size_t cap;
    int state; /* 1: documents may follow, 0: the end was read, < 0: failed */
};

/* Read `bytes` bytes unless the stream ends first; *got says how many there were.  Signals
 * and non-blocking descriptors only delay. */
static int get(struct tr_token_reader *r, void *data, size_t bytes, size_t *got,
               struct tr_err *err)
{
    *got = 0;
    for (;;) {
        errno = 0;
        *got += fread((char *)data + *got, 1, bytes - *got, r->f);
        if (*got == bytes || !ferror(r->f))
            return 0;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd p = { .fd = fileno(r->f), .events = POLLIN };
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return tr_err_sys(err, "cannot read '%s'", r->name);
        }
        clearerr(r->f);
    }
}

/* The same where the end of the stream is a fault. */
static int need(struct tr_token_reader *r, void *data, size_t bytes, struct tr_err *err)
{
    size_t got;
    int rc = get(r, data, bytes, &got, err);
    if (rc)
        return rc;
    if (got < bytes)
        return tr_err_set(err, TR_EFORMAT, "'%s': the token stream is cut: it ends without "
                          "an end mark after %" PRIu64 " documents", r->name, r->n_doc);
    return 0;
}

static int read_header(struct tr_token_reader *r, struct tr_err *err)
{
    unsigned char head[HEADER_BYTES];
    size_t got;
    int rc = get(r, head, sizeof head, &got, err);

    if (rc)
        return rc;
    if (got < TR__MAGIC_BYTES || memcmp(head, TR__TOKEN_MAGIC, TR__MAGIC_BYTES))
        return tr_err_set(err, TR_EFORMAT, "'%s' is not a token stream: it is %s", r->name,
                          tr__magic_words(head, got));
    if (got >= 12 && tr__get_u32(head + 8) != VERSION)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': token stream of version %" PRIu32
                          ", this program reads %d", r->name, tr__get_u32(head + 8),
                          VERSION);
    if (got < sizeof head)
        return tr_err_set(err, TR_EFORMAT, "'%s': the token stream is cut: it ends inside "
                          "its header", r->name);
    r->n_vocab = tr__get_u32(head + 12);
    r->vocab_hash = tr__get_u64(head + 16);
    if (tr__get_u64(head + HEADER_HASHED) != XXH3_64bits(head, HEADER_HASHED))
        return tr_err_set(err, TR_EFORMAT, "'%s': the token stream is damaged: the "
                          "checksum of its header does not fit", r->name);
    if (r->n_vocab == 0 || r->n_vocab > max_vocab)
        return tr_err_set(err, TR_EFORMAT, "'%s': a vocabulary of %" PRIu32 " ids is out "
                          "of range", r->name, r->n_vocab);
    XXH3_64bits_reset(r->hash);
    XXH3_64bits_update(r->hash, head, sizeof head);
    return 0;
}

struct tr_token_reader *tr_token_reader_new(FILE *f, const char *name, struct tr_err *err)
{
    struct tr_token_reader *r = calloc(1, sizeof *r);

    if (!r || !(r->name = strdup(name)) || !(r->hash = XXH3_createState())) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a token stream", name);
        goto fail;
    }
    r->f = f;
    r->state = 1;
    if (!read_header(r, err))
        return r;
fail:
    tr_token_reader_free(r);
    return NULL;
}

uint64_t tr_token_reader_vocab_hash(const struct tr_token_reader *r)
{
    return r->vocab_hash;
}

uint32_t tr_token_reader_n_vocab(const struct tr_token_reader *r)
{
    return r->n_vocab;
}

/* The end mark was seen: compare what it says with what came, and see that nothing
 * follows. */
static int read_end(struct tr_token_reader *r, struct tr_err *err)
{
    unsigned char end[END_BYTES];
    size_t got;
    int rc = need(r, end, sizeof end, err);

    if (rc)
        return rc;
    XXH3_64bits_update(r->hash, end, 16);
    if (tr__get_u64(end + 16) != XXH3_64bits_digest(r->hash))
        return tr_err_set(err, TR_EFORMAT, "'%s': the token stream is damaged: its "
                          "checksum does not fit", r->name);
    if (tr__get_u64(end) != r->n_doc || tr__get_u64(end + 8) != r->n_token)
        return tr_err_set(err, TR_EFORMAT, "'%s': the end mark counts %" PRIu64 " "
                          "documents and %" PRIu64 " tokens, there were %" PRIu64
                          " and %" PRIu64, r->name, tr__get_u64(end),
                          tr__get_u64(end + 8), r->n_doc, r->n_token);
    rc = get(r, end, 1, &got, err);
    if (rc)
        return rc;
    if (got)
        return tr_err_set(err, TR_EFORMAT, "'%s': more bytes after the end of the token "
                          "stream; were two streams joined?", r->name);
    return 0;
}

static int check_ids(struct tr_token_reader *r, size_t from, size_t n, struct tr_err *err)
{
    for (size_t i = from; i < from + n; i++)
        if (TR_TOKEN_ID(r->token[i]) >= r->n_vocab)
            return tr_err_set(err, TR_EFORMAT, "'%s': document %" PRIu64 ", token %zu: id %"
                              PRIu32 " is not below the vocabulary's %" PRIu32, r->name,
                              r->n_doc, i, TR_TOKEN_ID(r->token[i]), r->n_vocab);
    return 0;
}

/* The count n is not to be trusted: the buffer doubles only when it is full of tokens that
 * really came. */
static int grow(struct tr_token_reader *r, struct tr_err *err)
{
    size_t need = r->cap ? r->cap + 1 : CHUNK;

    if (tr__grow(&r->token, &r->cap, need, sizeof *r->token))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a document of more than "
                          "%zu tokens", r->name, r->cap);
    return 0;
}

static int read_document(struct tr_token_reader *r, uint64_t n, struct tr_err *err)
{
    size_t have = 0;
    int rc;

    while (have < n) {
        if (have == r->cap && (rc = grow(r, err)))
            return rc;
        size_t part = r->cap - have;
        if (part > n - have)
            part = (size_t)(n - have);
        rc = need(r, r->token + have, part * sizeof *r->token, err);
        if (rc)
            return rc;
        const unsigned char *raw = (const unsigned char *)(r->token + have);
        XXH3_64bits_update(r->hash, raw, 4 * part);
        for (size_t i = 0; i < part; i++)
            r->token[have + i] = tr__get_u32(raw + 4 * i);
        rc = check_ids(r, have, part, err);
        if (rc)
            return rc;
        have += part;
    }
    r->n_doc++;
    r->n_token += n;
    return 0;
}

static int read_record(struct tr_token_reader *r, size_t *n, struct tr_err *err)
{
    unsigned char count[8];
    int rc = need(r, count, sizeof count, err);

    if (rc)
        return rc;
    XXH3_64bits_update(r->hash, count, sizeof count);
    uint64_t v = tr__get_u64(count);
    if (v == end_mark)
        return read_end(r, err);
    rc = read_document(r, v, err);
    *n = (size_t)v;
    return rc ? rc : 1;
}

int tr_token_read(struct tr_token_reader *r, const uint32_t **token, size_t *n,
                  struct tr_err *err)
{
    static const uint32_t none[1];

    *token = none;
    *n = 0;
    if (r->state < 0)
        return tr_err_set(err, r->state, "'%s': the token stream failed before", r->name);
    if (r->state == 0)
        return 0;
    r->state = read_record(r, n, err);
    if (r->state > 0 && *n)
        *token = r->token;
    else
        *n = 0;
    return r->state;
}

void tr_token_reader_free(struct tr_token_reader *r)
{
    if (!r)
        return;
    XXH3_freeState(r->hash);
    free(r->token);
    free(r->name);
    free(r);
}
