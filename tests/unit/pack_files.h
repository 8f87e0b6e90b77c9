/* SPDX-License-Identifier: MIT
 *
 * Packs of chance for the tests of packs, and packs taken apart, to be changed and sealed
 * again with hashes that fit, so that the checks behind the hashes are reached too.
 * Whatever fails here fails the test.
 */
#ifndef TESTS_PACK_FILES_H
#define TESTS_PACK_FILES_H

#include <libtrain/data/pack_format.h>

enum {
    PACK_VOCAB_HASH = 0xabcdef,
    PACK_WEIGHTS = 1000, /* sets from here on have weights, … */
    PACK_RICH = 2000     /* … and groups */
};

/* Writes n_seq sequences of set number `set`; what the writer says of them. */
struct tr_pack_info pack_make(const char *path, uint64_t set, uint64_t n_seq, uint32_t ctx,
                              uint32_t n_vocab);
/* Sequence i is that of the set. */
void pack_expect(struct tr_pack *p, uint64_t set, uint64_t i);
struct tr_pack *pack_open(const char *path);

/* 0 if these bytes, written to path, are a pack and every frame of it is good, else the
 * error. */
int pack_verdict(const char *path, const unsigned char *data, size_t n, struct tr_err *err);

/* ---- forgeries ----------------------------------------------------------------- */

enum { PACK_MAX_PART = 8, PACK_ROOM = 4 << 20 };

struct pack_part { /* a frame and what the index says of it */
    unsigned char *stored;
    uint32_t n, content, positions, counted;
    uint64_t n_seq;
};

struct pack_forge {
    unsigned char *data; /* the file, and as much again and PACK_ROOM behind it */
    size_t n;
    unsigned char head[TR__PACK_HEADER_BYTES];
    uint64_t content_hash;
    unsigned char *groups; /* the table of groups without its hash, and 64 bytes behind it */
    size_t n_groups;       /* its bytes; sealing adds a hash unless there are none … */
    int hash_alone;        /* … and this is 0 */
    struct pack_part part[PACK_MAX_PART];
    int n_part;
};

/* The file at path in parts; release with pack_forge_free. */
struct pack_forge pack_forge_of(const char *path);
/* data and n anew from the parts, with hashes that are right for whatever they say now. */
void pack_forge_seal(struct pack_forge *f);
void pack_forge_free(struct pack_forge *f);

/* The content of a frame (the caller's, *n bytes) and back, without what `flag`, a ZSTD_c_
 * parameter, gives; 0: with everything, as it should be. */
unsigned char *pack_part_unzip(const struct pack_part *p, size_t *n);
void pack_part_zip(struct pack_part *p, const unsigned char *content, size_t n, int flag);

#endif
