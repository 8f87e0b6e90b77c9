/* SPDX-License-Identifier: MIT
 *
 * Arenas over mmap.  Address space costs nothing until it is touched, and pages that a step
 * has touched stay for the next one.  An arena of the size of its plan is one block;
 * without a plan, or with more threads than were planned for, it is a chain of blocks until
 * it is empty: blocks never move, so pointers stay good.  That there is no more memory is
 * no mistake of the program: the first refusal is kept in the arena, where the tape
 * (autograd/tape.c) finds it.
 */
#include <libtrain/arena.h>

#include <stdint.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
static const size_t red_zone = TR_ARENA_ALIGN;
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
static const size_t red_zone = 0;
#endif

enum { LEAST = 1 << 20, ZONES = 4096 };

/* At the head of a block: the one before it. */
struct tr_arena_block {
    char *base;
    size_t start, capacity;
    struct tr_arena_block *before;
};

static size_t padded(size_t bytes)
{
    return (bytes + TR_ARENA_ALIGN - 1) & ~(size_t)(TR_ARENA_ALIGN - 1);
}

/* ---- blocks ------------------------------------------------------------------------ */

/* A block of at least `bytes`, with room between allocations in sanitizer builds. */
static int add_block(struct tr_arena *a, size_t bytes, struct tr_err *err)
{
    size_t total = padded(bytes) + 2 * TR_ARENA_ALIGN + red_zone * ZONES;
    void *p = total < bytes ? MAP_FAILED
                            : mmap(NULL, total, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return tr_err_set(err, TR_ENOMEM, "cannot reserve %zu bytes of memory for %s",
                          bytes, a->what);
    struct tr_arena_block *head = p;
    *head = (struct tr_arena_block){ a->base, a->start, a->capacity, a->before };
    a->before = head;
    a->base = (char *)p + TR_ARENA_ALIGN;
    a->capacity = total - TR_ARENA_ALIGN;
    a->start = a->used;
    ASAN_POISON_MEMORY_REGION(a->base, a->capacity);
    return 0;
}

static void drop_block(struct tr_arena *a)
{
    struct tr_arena_block *p = a->before, head = *p;
    ASAN_UNPOISON_MEMORY_REGION(a->base, a->capacity);
    munmap(p, a->capacity + TR_ARENA_ALIGN);
    a->base = head.base;
    a->start = head.start;
    a->capacity = head.capacity;
    a->before = head.before;
}

int tr_arena_init(struct tr_arena *a, const char *what, size_t capacity, struct tr_err *err)
{
    *a = (struct tr_arena){ .what = what };
    return capacity ? add_block(a, capacity, err) : 0;
}

void tr_arena_init_counting(struct tr_arena *a)
{
    *a = (struct tr_arena){ .what = "a plan", .capacity = SIZE_MAX, .counts = 1 };
}

void tr_arena_release(struct tr_arena *a)
{
    while (a->before)
        drop_block(a);
    *a = (struct tr_arena){0};
}

/* ---- handing out ------------------------------------------------------------------- */

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A block that is added is as large as all before, so that there are few. */
int tr_arena_reserve(struct tr_arena *a, size_t bytes)
{
    size_t left = a->capacity - (a->used - a->start), end = a->used + padded(bytes);
    if (a->err.code)
        return a->err.code;
    if (end < bytes && a->counts)
        return tr_err_set(&a->err, TR_ENOMEM, "%zu bytes cannot be planned for", bytes);
    if (end >= bytes && padded(bytes) <= left && (a->base || a->counts))
        return 0;
    if (end >= bytes)
        a->wanted = most(a->wanted, end);
    return add_block(a, most(bytes, most(a->wanted, LEAST)), &a->err);
}

void *tr_arena_alloc(struct tr_arena *a, size_t bytes)
{
    if (tr_arena_reserve(a, bytes))
        return NULL;
    size_t at = a->used - a->start;
    a->used += padded(bytes);
    if (!a->counts && red_zone <= a->capacity - (a->used - a->start))
        a->used += red_zone;
    a->peak = most(a->peak, a->used);
    a->wanted = most(a->wanted, a->used);
    if (a->counts)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(a->base + at, bytes);
    return a->base + at;
}

void *tr_arena_array(struct tr_arena *a, size_t count, size_t size)
{
    return tr_arena_alloc(a, size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

size_t tr_arena_mark(const struct tr_arena *a)
{
    return a->used;
}

/* An arena that has grown and is empty begins anew, with one block for all that it held. */
static void drop_blocks(struct tr_arena *a, size_t mark)
{
    while (a->before && (a->start > mark || (!mark && a->capacity < a->wanted)))
        drop_block(a);
}

void tr_arena_rewind(struct tr_arena *a, size_t mark)
{
    if (mark > a->used)
        tr_fatal("arena: rewind to %zu, only %zu in use", mark, a->used);
    size_t end = a->used;
    drop_blocks(a, mark);
    a->used = mark;
    end = end - a->start < a->capacity ? end - a->start : a->capacity;
    if (a->base)
        ASAN_POISON_MEMORY_REGION(a->base + (mark - a->start), end - (mark - a->start));
}
