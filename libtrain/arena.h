/* SPDX-License-Identifier: MIT
 *
 * Memory that is handed out front to back and taken back all at once.  The caller owns the
 * struct; whatever was allocated is gone after rewind (down to the mark) or release.
 *
 * An arena has a fixed capacity, reserved as address space and backed by pages when they
 * are first touched.  The plan of a training step sizes it before the first step, so
 * running out is a mistake of the program and goes to tr_fatal.
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
    char *base; /* NULL: the arena only counts (see tr_arena_init_counting) */
    size_t capacity, used, peak;
};

/* Reserve `capacity` bytes; TR_ENOMEM if the system refuses. */
int tr_arena_init(struct tr_arena *a, size_t capacity, struct tr_err *err) TR_MUST_CHECK;

/* An arena that has no memory: alloc returns NULL and keeps count, which is how a plan is
 * made by running the code that will later run for real. */
void tr_arena_init_counting(struct tr_arena *a);

void tr_arena_release(struct tr_arena *a);

/* `bytes` bytes, aligned to TR_ARENA_ALIGN, contents undefined. */
void *tr_arena_alloc(struct tr_arena *a, size_t bytes);
/* The same for count things of `size` bytes; the product is checked. */
void *tr_arena_array(struct tr_arena *a, size_t count, size_t size);

/* Everything allocated after mark is taken back by rewind to it. */
size_t tr_arena_mark(const struct tr_arena *a);
void tr_arena_rewind(struct tr_arena *a, size_t mark);

#ifdef __cplusplus
}
#endif
#endif
