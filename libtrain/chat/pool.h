/* SPDX-License-Identifier: MIT
 *
 * Memory for one template or one rendering: handed out front to back, taken back to a mark,
 * and never more than was allowed.
 */
#ifndef LIBTRAIN_CHAT_POOL_H
#define LIBTRAIN_CHAT_POOL_H

#include <stddef.h>

struct tr__pool {
    struct tr__pool_block *block; /* the last one */
    char *at, *end;               /* what is free of it */
    size_t used, most;            /* bytes of all blocks; allowed */
    int refused;                  /* more than that was wanted */
};
struct tr__pool_mark {
    struct tr__pool_block *block;
    char *at;
};

/* `bytes` bytes, aligned for anything; NULL where `most` is reached or there are none. */
void *tr__pool_get(struct tr__pool *p, size_t bytes);
/* The same for bytes that need no alignment: what was got last can grow where it lies. */
char *tr__pool_bytes(struct tr__pool *p, size_t bytes);

struct tr__pool_mark tr__pool_mark(const struct tr__pool *p);
/* Takes back what was got after the mark; a mark of zeros: all, but for one block. */
void tr__pool_rewind(struct tr__pool *p, struct tr__pool_mark m);
void tr__pool_release(struct tr__pool *p);

#endif
