/* SPDX-License-Identifier: MIT
 *
 * A bounded cursor over bytes from outside, little endian.  Reading past the end sets
 * `bad`, which stays set; from then on every read gives 0 or NULL.  So a parser may read
 * several fields and look at `bad` once, as long as it uses none of them before.  The
 * caller owns the bytes.
 */
#ifndef LIBTRAIN_BASE_CURSOR_H
#define LIBTRAIN_BASE_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tr__cursor {
    const unsigned char *base;
    uint64_t size, at; /* at <= size, always */
    int bad;
};

static inline uint64_t tr__cur_left(const struct tr__cursor *c)
{
    return c->bad ? 0 : c->size - c->at;
}

/* The next n bytes, or NULL. */
static inline const void *tr__cur_take(struct tr__cursor *c, uint64_t n)
{
    if (c->bad || n > c->size - c->at) {
        c->bad = 1;
        return NULL;
    }
    const void *p = c->base + c->at;
    c->at += n;
    return p;
}

static inline uint32_t tr__cur_u32(struct tr__cursor *c)
{
    uint32_t v = 0;
    const void *p = tr__cur_take(c, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t tr__cur_u64(struct tr__cursor *c)
{
    uint64_t v = 0;
    const void *p = tr__cur_take(c, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

#endif
