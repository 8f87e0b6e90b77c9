/* SPDX-License-Identifier: MIT
 *
 * Writing a token stream, front to back.  What its documents say beside their tokens is in
 * the version, which stands first: so who begins a stream says whether they will.  The
 * bytes are those of token_format.h; the reader is token_read.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/document.h>
#include <libtrain/data/token_format.h>
#include <libtrain/token.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { AT_ONCE = 1 << 11 }; /* numbers written at a time, on the stack */

struct tr_token_writer {
    FILE *f;
    XXH3_state_t *hash;
    uint32_t n_vocab, version;
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

static struct tr_token_writer *begin(FILE *f, uint32_t version, uint64_t vocab_hash,
                                     uint32_t n_vocab, struct tr_err *err)
{
    unsigned char head[TR__TOKEN_HEADER_BYTES];
    struct tr_token_writer *w = NULL;

    if (n_vocab == 0 || n_vocab > TR__TOKEN_MAX_VOCAB) {
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
    w->version = version;
    XXH3_64bits_reset(w->hash);
    memcpy(head, TR__TOKEN_MAGIC, TR__MAGIC_BYTES);
    tr__put_u32(head + TR__TOKEN_H_VERSION, version);
    tr__put_u32(head + TR__TOKEN_H_N_VOCAB, n_vocab);
    tr__put_u64(head + TR__TOKEN_H_VOCAB_HASH, vocab_hash);
    tr__put_u64(head + TR__TOKEN_H_HASH, XXH3_64bits(head, TR__TOKEN_H_HASH));
    if (!put(w, head, sizeof head, err))
        return w;
fail:
    tr_token_writer_free(w);
    return NULL;
}

struct tr_token_writer *tr_token_writer_new(FILE *f, uint64_t vocab_hash,
                                            uint32_t n_vocab, struct tr_err *err)
{
    return begin(f, TR__TOKEN_PLAIN, vocab_hash, n_vocab, err);
}

struct tr_token_writer *tr_token_writer_new_documents(FILE *f, uint64_t vocab_hash,
                                                      uint32_t n_vocab, struct tr_err *err)
{
    return begin(f, TR__TOKEN_DOCUMENTS, vocab_hash, n_vocab, err);
}

struct tr_token_writer *tr_token_writer_new_signed(FILE *f, uint64_t vocab_hash,
                                                   uint32_t n_vocab, struct tr_err *err)
{
    return begin(f, TR__TOKEN_SIGNED, vocab_hash, n_vocab, err);
}

/* ==== documents ==== */

static int refuse(struct tr_token_writer *w, struct tr_err *err, int code, const char *why)
{
    w->failed = 1;
    return tr_err_set(err, code, "document %" PRIu64 " of the token stream: %s", w->n_doc,
                      why);
}

static int put_tokens(struct tr_token_writer *w, const uint32_t *token, size_t n,
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

static int put_weights(struct tr_token_writer *w, const float *weight, size_t n,
                       struct tr_err *err)
{
    unsigned char buf[4 * AT_ONCE];

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &weight[i], sizeof bits);
        tr__put_u32(buf + 4 * i, bits);
    }
    return put(w, buf, 4 * n, err);
}

/* Weights that are all 1 say nothing. */
static int has_weights(const struct tr_document *d)
{
    size_t i = 0;

    while (d->weight && i < d->n && d->weight[i] == 1)
        i++;
    return d->weight && i < d->n;
}

static int put_rival(struct tr_token_writer *w, const struct tr_document *d,
                     struct tr_err *err)
{
    unsigned char b[8];

    tr__put_u64(b, d->rival);
    return put(w, b, sizeof b, err);
}

static int check_head(struct tr_token_writer *w, const struct tr_document *d, int weighted,
                      size_t n_group, struct tr_err *err)
{
    int is_signed = w->version == TR__TOKEN_SIGNED;

    if (d->group && !tr__is_group(d->group, n_group))
        return refuse(w, err, TR_EFORMAT, "its group has no name of 1 to 255 bytes of "
                      "UTF-8");
    if (weighted && tr__bad_weight(d->weight, d->n, is_signed) < d->n)
        return refuse(w, err, TR_EFORMAT, "a weight is not a finite number of at least 0");
    if (w->version == TR__TOKEN_PLAIN && (n_group || weighted || d->row))
        return refuse(w, err, TR_EINVAL, "it has weights, a group or is a row, and the "
                      "stream was begun without these");
    if (d->rival && !is_signed)
        return refuse(w, err, TR_EINVAL, "it has a rival, and the stream was begun without");
    return d->rival && !tr__is_rival(d->rival, d->n)
               ? refuse(w, err, TR_EFORMAT, "its rival does not begin inside of it") : 0;
}

static int put_head(struct tr_token_writer *w, const struct tr_document *d, int weighted,
                    struct tr_err *err)
{
    unsigned char b[4];
    size_t n_group = d->group ? strlen(d->group) : 0;
    int rc = check_head(w, d, weighted, n_group, err);

    if (rc || w->version == TR__TOKEN_PLAIN)
        return rc;
    tr__put_u32(b, (d->row ? TR__TOKEN_ROW : 0u) | (weighted ? TR__TOKEN_WEIGHTS : 0u) |
                (d->rival ? TR__TOKEN_RIVAL : 0u) |
                (uint32_t)n_group << TR__TOKEN_GROUP_SHIFT);
    rc = put(w, b, sizeof b, err);
    if (!rc && n_group)
        rc = put(w, d->group, n_group, err);
    return rc || !d->rival ? rc : put_rival(w, d, err);
}

int tr_token_write_document(struct tr_token_writer *w, const struct tr_document *d,
                            struct tr_err *err)
{
    unsigned char count[8];
    int weighted = has_weights(d), rc;
    size_t n = d->n;

    tr__put_u64(count, n);
    rc = put(w, count, sizeof count, err);
    if (!rc)
        rc = put_head(w, d, weighted, err);
    for (size_t i = 0; i < n && !rc; i += AT_ONCE)
        rc = put_tokens(w, d->token + i, n - i < AT_ONCE ? n - i : AT_ONCE, err);
    for (size_t i = 0; weighted && i < n && !rc; i += AT_ONCE)
        rc = put_weights(w, d->weight + i, n - i < AT_ONCE ? n - i : AT_ONCE, err);
    if (rc)
        return rc;
    w->n_doc++;
    w->n_token += n;
    return 0;
}

int tr_token_write(struct tr_token_writer *w, const uint32_t *token, size_t n,
                   struct tr_err *err)
{
    return tr_token_write_document(w, &(struct tr_document){ .token = token, .n = n }, err);
}

int tr_token_writer_end(struct tr_token_writer *w, struct tr_err *err)
{
    unsigned char end[8 + TR__TOKEN_END_BYTES];
    int rc;

    tr__put_u64(end, TR__TOKEN_END_MARK);
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

