/* SPDX-License-Identifier: MIT
 *
 * Memory of templates and renderings.  A rendering makes many small things that all end
 * together, and a hostile template makes as many as it can: so nothing is freed alone, and
 * the sum is bounded.  struct tr_arena aligns for vectors, 64 bytes for each value; here
 * it is 8.  Next: value.h, which says what lies in a pool.
 */
#include <libtrain/chat/pool.h>

#include <stdint.h>
#include <stdlib.h>

enum { FIRST = 1 << 16, ALIGN = 8, KEPT = 1 << 23 };

struct tr__pool_block {
    struct tr__pool_block *before;
    size_t room;
    char bytes[];
};

static void begin(struct tr__pool *p, struct tr__pool_block *b)
{
    p->block = b;
    p->at = b ? b->bytes : NULL;
    p->end = b ? b->bytes + b->room : NULL;
}

/* Blocks double, so that there are few. */
static int add_block(struct tr__pool *p, size_t bytes)
{
    size_t room = p->used > FIRST ? p->used : FIRST;
    if (bytes > p->most || p->used > p->most - bytes) {
        p->refused = 1;
        return -1;
    }
    room = room < bytes ? bytes : room;
    if (room > p->most - p->used)
        room = p->most - p->used;
    struct tr__pool_block *b = malloc(sizeof *b + room);
    if (!b)
        return -1;
    *b = (struct tr__pool_block){ p->block, room };
    p->used += room;
    begin(p, b);
    return 0;
}

char *tr__pool_bytes(struct tr__pool *p, size_t bytes)
{
    if ((!p->block || bytes > (size_t)(p->end - p->at)) && add_block(p, bytes))
        return NULL;
    char *got = p->at;
    p->at += bytes;
    return got;
}

void *tr__pool_get(struct tr__pool *p, size_t bytes)
{
    size_t off = -(uintptr_t)p->at % ALIGN;
    if (bytes > SIZE_MAX / 2) {
        p->refused = 1;
        return NULL;
    }
    if (!p->block || off + bytes > (size_t)(p->end - p->at)) {
        if (add_block(p, bytes + ALIGN))
            return NULL;
        off = -(uintptr_t)p->at % ALIGN;
    }
    p->at += off;
    return tr__pool_bytes(p, bytes);
}

struct tr__pool_mark tr__pool_mark(const struct tr__pool *p)
{
    return (struct tr__pool_mark){ p->block, p->at };
}

static void drop(struct tr__pool *p)
{
    struct tr__pool_block *b = p->block;
    p->used -= b->room;
    p->block = b->before;
    free(b);
}

/* Where several blocks were needed, the next rendering finds one that holds as much; what
 * a single large one needed is given back. */
static void empty(struct tr__pool *p)
{
    size_t used = p->used < KEPT ? p->used : FIRST;
    if (!p->block || (!p->block->before && p->used <= KEPT)) {
        begin(p, p->block);
        return;
    }
    while (p->block)
        drop(p);
    begin(p, NULL);
    if (add_block(p, used))
        begin(p, NULL);
}

void tr__pool_rewind(struct tr__pool *p, struct tr__pool_mark m)
{
    if (!m.block) {
        empty(p);
        return;
    }
    while (p->block != m.block)
        drop(p);
    begin(p, m.block);
    p->at = m.at;
}

void tr__pool_release(struct tr__pool *p)
{
    while (p->block)
        drop(p);
    begin(p, NULL);
}
