/* SPDX-License-Identifier: MIT
 *
 * Reading a token stream, front to back: nothing is sought, so a pipe will do, and no count
 * is believed before the bytes it announces have come.  The bytes are those of
 * token_format.h; the writer is token_write.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/document.h>
#include <libtrain/data/token_format.h>
#include <libtrain/token.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CHUNK = 1 << 14 }; /* tokens for which a buffer has room at first */

struct tr_token_reader {
    FILE *f;
    char *name;
    XXH3_state_t *hash;
    uint64_t vocab_hash;
    uint32_t n_vocab, version;
    uint64_t n_doc, n_token;
    /* the present document */
    uint32_t *token;
    float *weight;
    size_t cap, weight_cap;
    char group[TR_TOKEN_MAX_GROUP + 1];
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

static const char *way_to_tokens(const unsigned char *head, size_t n)
{
    return n && !strcmp(tr__magic_words(head, n), "text")
               ? " (the command tokenize makes one of it)" : "";
}

static int read_header(struct tr_token_reader *r, struct tr_err *err)
{
    unsigned char head[TR__TOKEN_HEADER_BYTES];
    size_t got;
    int rc = get(r, head, sizeof head, &got, err);

    if (rc)
        return rc;
    if (got < TR__MAGIC_BYTES || memcmp(head, TR__TOKEN_MAGIC, TR__MAGIC_BYTES))
        return tr_err_set(err, TR_EFORMAT, "'%s' is not a token stream: it is %s%s",
                          r->name, tr__magic_words(head, got), way_to_tokens(head, got));
    r->version = got < TR__TOKEN_H_N_VOCAB ? 0 : tr__get_u32(head + TR__TOKEN_H_VERSION);
    if (got >= TR__TOKEN_H_N_VOCAB &&
        (r->version < TR__TOKEN_PLAIN || r->version > TR__TOKEN_SIGNED))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': token stream of version %" PRIu32
                          ", this program reads %d to %d", r->name, r->version,
                          TR__TOKEN_PLAIN, TR__TOKEN_SIGNED);
    if (got < sizeof head)
        return tr_err_set(err, TR_EFORMAT, "'%s': the token stream is cut: it ends inside "
                          "its header", r->name);
    r->n_vocab = tr__get_u32(head + TR__TOKEN_H_N_VOCAB);
    r->vocab_hash = tr__get_u64(head + TR__TOKEN_H_VOCAB_HASH);
    if (tr__get_u64(head + TR__TOKEN_H_HASH) != XXH3_64bits(head, TR__TOKEN_H_HASH))
        return tr_err_set(err, TR_EFORMAT, "'%s': the token stream is damaged: the "
                          "checksum of its header does not fit", r->name);
    if (r->n_vocab == 0 || r->n_vocab > TR__TOKEN_MAX_VOCAB)
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
    unsigned char end[TR__TOKEN_END_BYTES];
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

    if (tr__spool_grow(&r->token, &r->cap, need, sizeof *r->token))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a document of more than "
                          "%zu tokens", r->name, r->cap);
    return 0;
}

static int read_tokens(struct tr_token_reader *r, uint64_t n, struct tr_err *err)
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
    return 0;
}

/* As many as there were tokens, which have come: so n can be believed. */
static int read_weights(struct tr_token_reader *r, size_t n, struct tr_err *err)
{
    if (tr__spool_grow(&r->weight, &r->weight_cap, n, sizeof *r->weight))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu weights", r->name,
                          n);
    int rc = need(r, r->weight, n * sizeof *r->weight, err);
    if (rc)
        return rc;
    const unsigned char *raw = (const unsigned char *)r->weight;
    XXH3_64bits_update(r->hash, raw, 4 * n);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = tr__get_u32(raw + 4 * i);
        memcpy(&r->weight[i], &bits, sizeof bits);
    }
    size_t bad = tr__bad_weight(r->weight, n, r->version == TR__TOKEN_SIGNED);
    if (bad < n)
        return tr_err_set(err, TR_EFORMAT, "'%s': document %" PRIu64 ", token %zu: its "
                          "weight is not a finite number%s", r->name, r->n_doc, bad,
                          r->version == TR__TOKEN_SIGNED ? "" : " of at least 0");
    return 0;
}

static int read_rival(struct tr_token_reader *r, struct tr_document *d, struct tr_err *err)
{
    unsigned char b[8];
    int rc = need(r, b, sizeof b, err);

    if (rc)
        return rc;
    XXH3_64bits_update(r->hash, b, sizeof b);
    d->rival = (size_t)tr__get_u64(b);
    return 0;
}

/* What stands before the tokens: *head, the group, where the rival is. */
static int read_head(struct tr_token_reader *r, uint32_t *head, struct tr_document *d,
                     struct tr_err *err)
{
    unsigned char b[4];
    int rc = need(r, b, sizeof b, err);

    if (rc)
        return rc;
    *head = tr__get_u32(b);
    size_t n = *head >> TR__TOKEN_GROUP_SHIFT & TR_TOKEN_MAX_GROUP;
    XXH3_64bits_update(r->hash, b, sizeof b);
    uint32_t known = r->version == TR__TOKEN_SIGNED ? TR__TOKEN_RIVAL : 0;
    if (*head & ~(TR__TOKEN_HEAD_BITS | known))
        return tr_err_set(err, TR_EFORMAT, "'%s': document %" PRIu64 " is of a kind that "
                          "this program does not know", r->name, r->n_doc);
    if ((rc = need(r, r->group, n, err)))
        return rc;
    XXH3_64bits_update(r->hash, r->group, n);
    r->group[n] = 0;
    if (n && !tr__is_group(r->group, n))
        return tr_err_set(err, TR_EFORMAT, "'%s': document %" PRIu64 ": the name of its "
                          "group is not UTF-8", r->name, r->n_doc);
    d->row = *head & TR__TOKEN_ROW ? 1 : 0;
    d->group = n ? r->group : NULL;
    return *head & TR__TOKEN_RIVAL ? read_rival(r, d, err) : 0;
}

static int read_document(struct tr_token_reader *r, uint64_t n, struct tr_document *d,
                         struct tr_err *err)
{
    uint32_t head = 0;
    int rc = r->version == TR__TOKEN_PLAIN ? 0 : read_head(r, &head, d, err);

    if (rc || (rc = read_tokens(r, n, err)))
        return rc;
    if (head & TR__TOKEN_RIVAL && !tr__is_rival(d->rival, (size_t)n))
        return tr_err_set(err, TR_EFORMAT, "'%s': document %" PRIu64 ": its rival does not "
                          "begin inside of it", r->name, r->n_doc);
    int weighted = n && head & TR__TOKEN_WEIGHTS;
    if (weighted && (rc = read_weights(r, (size_t)n, err)))
        return rc;
    d->token = n ? r->token : d->token;
    d->weight = weighted ? r->weight : NULL;
    d->n = (size_t)n;
    r->n_doc++;
    r->n_token += n;
    return 1;
}

static int read_record(struct tr_token_reader *r, struct tr_document *d, struct tr_err *err)
{
    unsigned char count[8];
    int rc = need(r, count, sizeof count, err);

    if (rc)
        return rc;
    XXH3_64bits_update(r->hash, count, sizeof count);
    uint64_t n = tr__get_u64(count);
    return n == TR__TOKEN_END_MARK ? read_end(r, err) : read_document(r, n, d, err);
}

int tr_token_read_document(struct tr_token_reader *r, struct tr_document *d,
                           struct tr_err *err)
{
    static const uint32_t none[1];

    *d = (struct tr_document){ .token = none };
    if (r->state < 0)
        return tr_err_set(err, r->state, "'%s': the token stream failed before", r->name);
    if (r->state == 0)
        return 0;
    r->state = read_record(r, d, err);
    if (r->state <= 0)
        *d = (struct tr_document){ .token = none };
    return r->state;
}

int tr_token_read(struct tr_token_reader *r, const uint32_t **token, size_t *n,
                  struct tr_err *err)
{
    struct tr_document d;
    int rc = tr_token_read_document(r, &d, err);

    *token = d.token;
    *n = d.n;
    return rc;
}

void tr_token_reader_free(struct tr_token_reader *r)
{
    if (!r)
        return;
    XXH3_freeState(r->hash);
    tr__spool_free(r->token, r->cap, sizeof *r->token);
    tr__spool_free(r->weight, r->weight_cap, sizeof *r->weight);
    free(r->name);
    free(r);
}
