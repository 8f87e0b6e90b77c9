/* SPDX-License-Identifier: MIT
 *
 * Token streams (`.tok`): documents of token ids, written and read front to back, so that
 * they pass through pipes.  Bytes: docs/formats/token-stream.md.
 *
 * A document is an array of uint32_t: the low 31 bits are the id, the top bit
 * (TR_TOKEN_MASKED) says that predicting this token does not count towards the loss.
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

struct tr_token_writer;
struct tr_token_reader;

/* Begin a stream on f (the caller's, not closed here).  vocab_hash from tr_vocab_hash,
 * n_vocab the number of ids.  NULL when out of memory or on a write error. */
struct tr_token_writer *tr_token_writer_new(FILE *f, uint64_t vocab_hash,
                                            uint32_t n_vocab,
                                            struct tr_err *err) TR_MUST_CHECK;
/* Append one document of n tokens, n may be 0. */
int tr_token_write(struct tr_token_writer *w, const uint32_t *token, size_t n,
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
 * stream, damaged, an id that is not below n_vocab. */
int tr_token_read(struct tr_token_reader *r, const uint32_t **token, size_t *n,
                  struct tr_err *err) TR_MUST_CHECK;
void tr_token_reader_free(struct tr_token_reader *r);

#ifdef __cplusplus
}
#endif
#endif
