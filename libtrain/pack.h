/* SPDX-License-Identifier: MIT
 *
 * Packed training data (`.pack`): sequences of at most `ctx` positions, compressed, read
 * by number without unpacking the rest.  Bytes: docs/formats/pack.md.
 *
 * A position holds an input token and its target, the token that follows it in the same
 * document.  Short documents share a sequence; `pos` restarts at 0 with each of them, so
 * position t may look at positions t - pos[t] … t and no others.
 */
#ifndef LIBTRAIN_PACK_H
#define LIBTRAIN_PACK_H

#include <libtrain/error.h>
#include <libtrain/token.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_PACK_MAX_CTX = 1 << 20 };

struct tr_pack_info {
    uint32_t ctx;        /* positions a sequence holds at most, 1 … TR_PACK_MAX_CTX */
    uint32_t n_vocab;
    uint64_t vocab_hash;
    uint64_t n_seq;
    uint64_t n_token;    /* positions in all sequences, below 2^40 */
    uint64_t n_counted;  /* positions whose target counts */
    uint64_t hash;       /* of the whole content: names this data set; 0 while writing */
    uint32_t n_group;    /* names of groups, tr_pack_group */
    int is_signed;       /* 1: some answers are not wanted, their weights are below 0 */
};

struct tr_pack_seq {
    int32_t n;             /* positions used, 1 … ctx */
    const int32_t *token;  // (n) input ids
    const int32_t *target; // (n) ids to predict, -1 where the loss does not count
    const int32_t *pos;    // (n) position inside its document
    const float *weight;   // (n) factor of the loss, finite and above 0 where it counts, or
                           // below it where an answer is not wanted; NULL: 1 everywhere
    const int32_t *group;  // (n) number of its document's group, -1: none; NULL: all none
};

struct tr_pack;
struct tr_pack_writer;

/* Open, check header, index and footer.  The reader owns all it hands out.  TR_EFORMAT for
 * what is damaged, cut or no pack at all. */
struct tr_pack *tr_pack_open(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr_pack_close(struct tr_pack *p);
const struct tr_pack_info *tr_pack_info(const struct tr_pack *p);
const char *tr_pack_path(const struct tr_pack *p);
/* The name of group number i < n_group, in the order in which they came up. */
const char *tr_pack_group(const struct tr_pack *p, uint32_t i);

/* Sequence i_seq < n_seq in the order of packing; *seq is good until the next call with
 * the same pack.  The frame that holds it is checked (checksum, ids, sizes) when it is
 * unpacked.  Memory: one frame, the last; reading in order unpacks each frame once. */
int tr_pack_read(struct tr_pack *p, uint64_t i_seq, struct tr_pack_seq *seq,
                 struct tr_err *err) TR_MUST_CHECK;

/* Write: sequences in order, then commit, which reads the whole pack back before it gets
 * its name (see tr_out_commit for what else that promises).  tr_pack_create refuses "-": a
 * pack needs a seekable file.  tr_pack_write refuses a sequence whose arrays are not what
 * struct tr_pack_seq says; commit a pack without sequences.  Commit and discard free w. */
struct tr_pack_writer *tr_pack_create(const char *path, uint32_t ctx,
                                      uint64_t vocab_hash, uint32_t n_vocab,
                                      struct tr_err *err) TR_MUST_CHECK;
int tr_pack_write(struct tr_pack_writer *w, const struct tr_pack_seq *seq,
                  struct tr_err *err) TR_MUST_CHECK;
/* The number of a group by its name, for tr_pack_seq.group: 0, 1, … as they come;
 * TR_EFORMAT for what is no name (struct tr_document) and beyond 65535 of them. */
int32_t tr_pack_writer_group(struct tr_pack_writer *w, const char *name,
                             struct tr_err *err) TR_MUST_CHECK;
const struct tr_pack_info *tr_pack_writer_info(const struct tr_pack_writer *w);
int tr_pack_commit(struct tr_pack_writer *w, struct tr_err *err) TR_MUST_CHECK;
void tr_pack_discard(struct tr_pack_writer *w);

/* Fill the sequences of w (the caller's, and it outlives the packer) with documents.  One
 * of n tokens (TR_TOKEN_MASKED as in token.h) gives n - 1 positions; one of less than two
 * tokens gives none.  What is longer than the context is cut into windows that begin every
 * `stride` positions, 1 … ctx (else TR_EINVAL); positions that a window shares with the one
 * before do not count again, so every token but the first is predicted once.  What is
 * shorter shares a sequence with its neighbours where it fits.  The order stays.
 * tr_packer_end writes the last sequence; commit comes after it. */
struct tr_packer;
struct tr_packer *tr_packer_new(struct tr_pack_writer *w, uint32_t stride,
                                struct tr_err *err) TR_MUST_CHECK;

/* How documents find a sequence: i = 0, 1, … until NULL; 0 is the default.
 *
 *   order   behind the one before, or at the beginning of the next sequence
 *   best    up to 1024 documents wait: the oldest begins a sequence, then comes the longest
 *           that fits, again and again; a function of the input */
struct tr_pack_fit;
const struct tr_pack_fit *tr_pack_fit_at(int i);
const char *tr_pack_fit_name(const struct tr_pack_fit *fit);

/* What becomes of a document longer than the context, i = 0, 1, … until NULL.
 *
 *   split    windows, as above
 *   cut      its first ctx positions
 *   drop     nothing
 *   refuse   TR_EFORMAT */
struct tr_over_long;
const struct tr_over_long *tr_over_long_at(int i);
const char *tr_over_long_name(const struct tr_over_long *kind);

struct tr_packer_args {
    uint32_t stride;                      /* 1 … ctx; 0: ctx */
    const struct tr_pack_fit *fit;        /* NULL: the default */
    const struct tr_over_long *over_long; /* NULL: split for running text, cut for rows */
};
/* Documents that did not go in as they were. */
struct tr_packer_counts {
    uint64_t n_split, n_cut, n_dropped; /* longer than the context */
    uint64_t lost_tokens;               /* of those that were cut or dropped */
    uint64_t n_useless;                 /* rows of which nothing counts, left out */
    uint64_t n_pair_dropped;            /* an answer and its rival longer than the context */
};
struct tr_packer *tr_packer_new_with(struct tr_pack_writer *w,
                                     const struct tr_packer_args *args,
                                     struct tr_err *err) TR_MUST_CHECK;
const struct tr_packer_counts *tr_packer_counts(const struct tr_packer *p);
int tr_packer_add(struct tr_packer *p, const uint32_t *token, size_t n,
                  struct tr_err *err) TR_MUST_CHECK;
/* The same with weights and a group; a weight of 0 masks.  A document and its rival are two
 * of one sequence, side by side; where they do not fit there, both are left out. */
int tr_packer_add_document(struct tr_packer *p, const struct tr_document *d,
                           struct tr_err *err) TR_MUST_CHECK;
int tr_packer_end(struct tr_packer *p, struct tr_err *err) TR_MUST_CHECK;
void tr_packer_free(struct tr_packer *p);

/* The order in which epoch `epoch` visits n_seq sequences: entry i of a permutation that
 * depends on (seed, epoch, n_seq) alone; a table is not needed, i may be asked in any
 * order.  With shuffling off use i itself. */
uint64_t tr_pack_order(uint64_t seed, uint64_t epoch, uint64_t n_seq, uint64_t i);

#ifdef __cplusplus
}
#endif
#endif
