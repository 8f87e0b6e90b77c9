/* SPDX-License-Identifier: MIT
 *
 * Memory that is handed out front to back and taken back all at once.  The caller owns the
 * struct; whatever was allocated is gone after rewind (down to the mark) or release.
 *
 * An arena is a block of address space, backed by pages when they are first touched.  Where
 * that was planned too small it grows by further blocks; when it is emptied, a single one
 * takes the place of them all.  An arena that cannot grow has failed: from then on it gives
 * nothing, and `err` says what there was no memory for.
 *
 * An arena is used by one thread at a time.
 */
#ifndef LIBTRAIN_ARENA_H
#define LIBTRAIN_ARENA_H

#include <libtrain/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_ARENA_ALIGN = 64 };

struct tr_arena {
    const char *what; /* it holds, for messages; static */
    size_t used, peak;
    struct tr_err err; /* the first failure; code 0: none */

    /* Its own: */
    char *base; /* of the last block; NULL: none, or it only counts */
    size_t start, capacity; /* of that block: what those before it hold, and its bytes */
    size_t wanted; /* the most that was reserved at once */
    struct tr_arena_block *before;
    int counts;
};

/* An arena for `what`, with `capacity` bytes reserved now; 0: all when it is wanted, which
 * does not fail.  TR_ENOMEM if the system refuses. */
int tr_arena_init(struct tr_arena *a, const char *what, size_t capacity,
                  struct tr_err *err);

/* An arena that has no memory: alloc returns NULL and keeps count, which is how a plan is
 * made by running the code that will later run for real. */
void tr_arena_init_counting(struct tr_arena *a);

void tr_arena_release(struct tr_arena *a);

/* `bytes` bytes, aligned to TR_ARENA_ALIGN, contents undefined.  NULL if the arena has
 * failed or only counts. */
void *tr_arena_alloc(struct tr_arena *a, size_t bytes);
/* The same for count things of `size` bytes; the product is checked. */
void *tr_arena_array(struct tr_arena *a, size_t count, size_t size);

/* See to it that so many bytes, in one or in parts, can be had next.  0, or TR_ENOMEM: then
 * the arena has failed. */
int tr_arena_reserve(struct tr_arena *a, size_t bytes);

/* Everything allocated after mark is taken back by rewind to it. */
size_t tr_arena_mark(const struct tr_arena *a);
void tr_arena_rewind(struct tr_arena *a, size_t mark);

#ifdef __cplusplus
}
#endif
#endif
