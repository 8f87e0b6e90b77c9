/* SPDX-License-Identifier: MIT
 *
 * Token streams (`.tok`): documents of token ids, written and read front to back, so that
 * they pass through pipes.  Bytes: docs/formats/token-stream.md.
 *
 * A document is an array of uint32_t: the low 31 bits are the id, the top bit
 * (TR_TOKEN_MASKED) says that predicting this token does not count towards the loss.  It may
 * say more, struct tr_document; a stream of tokens alone has the bytes of version 1.
 */
#ifndef LIBTRAIN_TOKEN_H
#define LIBTRAIN_TOKEN_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TR_TOKEN_MASKED 0x80000000u
#define TR_TOKEN_ID(t) ((t) & 0x7fffffffu)

enum { TR_TOKEN_MAX_GROUP = 255 };

/* A document with all that may be known of it; {0} but token and n is one of which nothing
 * is. */
struct tr_document {
    const uint32_t *token; // (n) TR_TOKEN_MASKED as above
    size_t n;
    const float *weight;   // (n) factor of the loss of predicting token i, finite, and >= 0
                           // unless signs count; NULL: 1 everywhere.  0 counts as little as
                           // TR_TOKEN_MASKED
    const char *group;     /* NULL, or 1 to 255 bytes of UTF-8 without control characters */
    int row;               /* 1: a row of a data set (a chat, a pair of prompt and answer),
                            * to be kept whole; 0: running text */
    size_t rival;          /* where a second document begins that goes with the first: the
                            * answer that was not preferred, its weights below 0; 0: none */
};

struct tr_token_writer;
struct tr_token_reader;

/* Begin a stream on f (the caller's, not closed here).  vocab_hash from tr_vocab_hash,
 * n_vocab the number of ids.  NULL when out of memory or on a write error. */
struct tr_token_writer *tr_token_writer_new(FILE *f, uint64_t vocab_hash,
                                            uint32_t n_vocab,
                                            struct tr_err *err) TR_MUST_CHECK;
/* The same for documents that may have weights, a group or be rows (version 2). */
struct tr_token_writer *tr_token_writer_new_documents(FILE *f, uint64_t vocab_hash,
                                                      uint32_t n_vocab,
                                                      struct tr_err *err) TR_MUST_CHECK;
/* The same for documents of which some are not wanted: weights may be below 0, and a document
 * may have a rival (version 3). */
struct tr_token_writer *tr_token_writer_new_signed(FILE *f, uint64_t vocab_hash,
                                                   uint32_t n_vocab,
                                                   struct tr_err *err) TR_MUST_CHECK;
/* Append one document of n tokens, n may be 0. */
int tr_token_write(struct tr_token_writer *w, const uint32_t *token, size_t n,
                   struct tr_err *err) TR_MUST_CHECK;
/* Append one with what is known of it.  TR_EINVAL if that is more than w was begun for;
 * TR_EFORMAT for what struct tr_document does not allow. */
int tr_token_write_document(struct tr_token_writer *w, const struct tr_document *d,
                            struct tr_err *err) TR_MUST_CHECK;
/* Write the end mark; the stream is not valid without it.  Does not flush f. */
int tr_token_writer_end(struct tr_token_writer *w, struct tr_err *err) TR_MUST_CHECK;
void tr_token_writer_free(struct tr_token_writer *w);

/* Begin to read from f; `name` is used in messages.  Anything that is not a token stream
 * is refused in words. */
struct tr_token_reader *tr_token_reader_new(FILE *f, const char *name,
                                            struct tr_err *err) TR_MUST_CHECK;
uint64_t tr_token_reader_vocab_hash(const struct tr_token_reader *r);
uint32_t tr_token_reader_n_vocab(const struct tr_token_reader *r);
/* The next document: 1 and *token (n entries, owned by the reader, good until the next
 * call), 0 at the end mark (counts and checksum were right), or a negative error: cut
 * stream, damaged, an id that is not below n_vocab.  Weights and groups are passed over. */
int tr_token_read(struct tr_token_reader *r, const uint32_t **token, size_t *n,
                  struct tr_err *err) TR_MUST_CHECK;
/* The same with all that is known of it; what *d points at is good until the next call. */
int tr_token_read_document(struct tr_token_reader *r, struct tr_document *d,
                           struct tr_err *err) TR_MUST_CHECK;
void tr_token_reader_free(struct tr_token_reader *r);

#ifdef __cplusplus
}
#endif
#endif
