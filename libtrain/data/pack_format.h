/* SPDX-License-Identifier: MIT
 *
 * What the writer and the reader of packs agree on.  Bytes: docs/formats/pack.md.
 */
#ifndef LIBTRAIN_DATA_PACK_FORMAT_H
#define LIBTRAIN_DATA_PACK_FORMAT_H

#include <libtrain/data/pack_groups.h>
#include <libtrain/pack.h>

#include <stddef.h>
#include <xxhash.h>

enum {
    TR__PACK_PLAIN = 1,    /* version of a pack without weights and groups, … */
    TR__PACK_DOCUMENTS = 2, /* … of one that has some … */
    TR__PACK_SIGNED = 3,    /* … and of one with weights below 0 */
    TR__PACK_FRAME_POSITIONS = 1 << 16, /* a frame ends before it would hold more … */
    TR__PACK_WINDOW_LOG = 24            /* … and is of one segment up to TR_PACK_MAX_CTX */
};

enum { /* header: where its fields are */
    TR__PACK_H_VERSION = 8,
    TR__PACK_H_CTX = 12,
    TR__PACK_H_N_VOCAB = 16,
    TR__PACK_H_GROUPS = 20, /* bytes of the table of groups with its hash; 0: none */
    TR__PACK_H_VOCAB_HASH = 24,
    TR__PACK_H_N_SEQ = 32,
    TR__PACK_H_N_TOKEN = 40,
    TR__PACK_H_N_COUNTED = 48,
    TR__PACK_H_HASH = 56,
    TR__PACK_HEADER_BYTES = 64
};

enum { /* an entry of the index */
    TR__PACK_E_OFFSET = 0,
    TR__PACK_E_FIRST_SEQ = 8,
    TR__PACK_E_STORED = 16,
    TR__PACK_E_CONTENT = 20,
    TR__PACK_E_POSITIONS = 24,
    TR__PACK_E_COUNTED = 28,
    TR__PACK_E_HASH = 32,
    TR__PACK_ENTRY_BYTES = 40
};

enum { /* footer */
    TR__PACK_F_INDEX_OFFSET = 0,
    TR__PACK_F_N_FRAME = 8,
    TR__PACK_F_HEADER_HASH = 16,
    TR__PACK_F_INDEX_HASH = 24,
    TR__PACK_F_CONTENT_HASH = 32,
    TR__PACK_F_FILE_BYTES = 40,
    TR__PACK_F_HASH = 48,
    TR__PACK_F_MAGIC = 56,
    TR__PACK_FOOTER_BYTES = 64
};

#define TR__PACK_END_MAGIC "TRPAKEND"

enum { TR__PACK_CONTENT_HEAD = 12 }; /* sequences, runs, positions: a u32 each */
#define TR__PACK_RUN_FIRST 0x80000000u /* this run begins a sequence */
/* In the number of runs: what follows the tables of version 1. */
#define TR__PACK_HAS_GROUPS 0x80000000u  /* a u16 for each run */
#define TR__PACK_HAS_WEIGHTS 0x40000000u /* an f32 for each position */
#define TR__PACK_HAS_SIGNS 0x20000000u   /* of the version alone: one is below 0 */

struct tr__pack_entry {
    uint64_t offset, first_seq, hash;
    uint32_t stored, content, positions, counted;
};

/* Bytes of an id. */
static inline size_t tr__pack_width(uint32_t n_vocab)
{
    return n_vocab <= 65536 ? 2 : 4;
}

/* Positions that a frame holds at most: the limit that bounds all memory. */
static inline uint32_t tr__pack_max_positions(uint32_t ctx)
{
    return ctx > TR__PACK_FRAME_POSITIONS ? ctx : TR__PACK_FRAME_POSITIONS;
}

/* Bytes of a frame's content.  runs <= positions <= 2^20 in all that is valid, so the sum
 * stays far below 2^64 for any u32 arguments. */
static inline uint64_t tr__pack_content_bytes(uint32_t n_run, uint32_t positions,
                                              uint32_t n_vocab)
{
    return TR__PACK_CONTENT_HEAD + 4 * (uint64_t)n_run +
           ((uint64_t)positions + n_run) * tr__pack_width(n_vocab) +
           ((uint64_t)positions + 7) / 8;
}

/* The same with what version 2 may have behind it; `has`: of the two bits above. */
static inline uint64_t tr__pack_more_bytes(uint32_t has, uint32_t n_run, uint32_t positions,
                                           uint32_t n_vocab)
{
    return tr__pack_content_bytes(n_run, positions, n_vocab) +
           (has & TR__PACK_HAS_GROUPS ? 2 * (uint64_t)n_run : 0) +
           (has & TR__PACK_HAS_WEIGHTS ? 4 * (uint64_t)positions : 0);
}

/* The sequences of one frame, unpacked. */
struct tr__pack_frame {
    uint32_t n_seq;
    uint32_t *start;              // (n_seq + 1) first position of each
    int32_t *token, *target, *pos; // (positions)
    float *weight;                 // (positions)
    int32_t *group;                // (positions)
    uint32_t has;                  /* whether there is anything in these two, as bits */
    uint32_t cap;                  /* positions there is room for */
};

/* Unpack the content of a frame (e->content bytes of it) after checking everything it
 * says against e, n_seq and info; weights, groups and weights below 0 are let in if
 * `may_have` has their bits.  The error names no file; the caller adds the place. */
int tr__pack_frame_decode(struct tr__pack_frame *f, const unsigned char *content,
                          const struct tr__pack_entry *e, uint64_t n_seq,
                          const struct tr_pack_info *info, uint32_t may_have,
                          struct tr_err *err) TR_MUST_CHECK;
void tr__pack_frame_release(struct tr__pack_frame *f);

/* The hash that names a data set begins with what the ids mean; the contents of all frames
 * follow, and the table of groups.  It does not depend on zstd. */
void tr__pack_hash_begin(XXH3_state_t *hash, const struct tr_pack_info *info);

/* Read and check all that the file holds: every frame, and the hash of the content. */
int tr__pack_verify(struct tr_pack *p, struct tr_err *err) TR_MUST_CHECK;

/* Frames unpacked since the pack was opened: for the test that reading in order unpacks
 * each of them once. */
uint64_t tr__pack_unpacked(const struct tr_pack *p);

#endif
