/* SPDX-License-Identifier: MIT
 *
 * What the writer and the reader of token streams agree on: a header, one record per
 * document, and an end mark whose checksum covers every byte before it.  Bytes:
 * docs/formats/token-stream.md.
 */
#ifndef LIBTRAIN_DATA_TOKEN_FORMAT_H
#define LIBTRAIN_DATA_TOKEN_FORMAT_H

#include <libtrain/token.h>

enum {
    TR__TOKEN_PLAIN = 1,    /* version of a stream of tokens alone … */
    TR__TOKEN_DOCUMENTS = 2, /* … of one whose documents say more … */
    TR__TOKEN_SIGNED = 3     /* … and of one whose weights may be below 0 */
};

enum { /* header: where its fields are */
    TR__TOKEN_H_VERSION = 8,
    TR__TOKEN_H_N_VOCAB = 12,
    TR__TOKEN_H_VOCAB_HASH = 16,
    TR__TOKEN_H_HASH = 24,
    TR__TOKEN_HEADER_BYTES = 32
};

enum { TR__TOKEN_END_BYTES = 24 }; /* documents, tokens, hash of all bytes before it */

#define TR__TOKEN_MAX_VOCAB 0x80000000u
#define TR__TOKEN_END_MARK UINT64_MAX /* where a record has its number of tokens */

enum { /* what stands before the tokens of a document from version 2 on, a u32 */
    TR__TOKEN_ROW = 1,
    TR__TOKEN_WEIGHTS = 2, /* they follow the tokens, as many */
    TR__TOKEN_RIVAL = 4,   /* of version 3: where the rival begins, a u64, behind the group */
    TR__TOKEN_GROUP_SHIFT = 8, /* from here: bytes of the group's name, which follows */
    TR__TOKEN_HEAD_BITS = 0xff03 /* of version 2 */
};

#endif
