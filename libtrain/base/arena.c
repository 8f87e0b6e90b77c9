/* SPDX-License-Identifier: MIT */
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

int tr_arena_init(struct tr_arena *a, size_t capacity, struct tr_err *err)
{
    *a = (struct tr_arena){0};
    capacity += TR_ARENA_ALIGN;  /* an empty arena is one too */
    capacity += red_zone * 4096; /* room between blocks in sanitizer builds */
    if (!capacity) /* an arena that nobody needs; mmap refuses 0 */
        capacity = TR_ARENA_ALIGN;
    void *p = mmap(NULL, capacity, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return tr_err_set(err, TR_ENOMEM, "cannot reserve %zu bytes of memory", capacity);
    a->base = p;
    a->capacity = capacity;
    ASAN_POISON_MEMORY_REGION(a->base, capacity);
    return 0;
}

void tr_arena_init_counting(struct tr_arena *a)
{
    *a = (struct tr_arena){ .capacity = SIZE_MAX };
}

void tr_arena_release(struct tr_arena *a)
{
    if (a->base) {
        ASAN_UNPOISON_MEMORY_REGION(a->base, a->capacity);
        munmap(a->base, a->capacity);
    }
    *a = (struct tr_arena){0};
}

void *tr_arena_alloc(struct tr_arena *a, size_t bytes)
{
    size_t padded = (bytes + TR_ARENA_ALIGN - 1) & ~(size_t)(TR_ARENA_ALIGN - 1);
    if (padded < bytes || padded > a->capacity - a->used)
        tr_fatal("arena: %zu bytes wanted, %zu of %zu left", bytes,
                 a->capacity - a->used, a->capacity);
    size_t at = a->used;
    a->used += padded;
    if (a->base && red_zone <= a->capacity - a->used)
        a->used += red_zone;
    if (a->used > a->peak)
        a->peak = a->used;
    if (!a->base)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(a->base + at, bytes);
    return a->base + at;
}

void *tr_arena_array(struct tr_arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        tr_fatal("arena: %zu times %zu bytes is too much", count, size);
    return tr_arena_alloc(a, count * size);
}

size_t tr_arena_mark(const struct tr_arena *a)
{
    return a->used;
}

void tr_arena_rewind(struct tr_arena *a, size_t mark)
{
    if (mark > a->used)
        tr_fatal("arena: rewind to %zu, only %zu in use", mark, a->used);
    if (a->base)
        ASAN_POISON_MEMORY_REGION(a->base + mark, a->used - mark);
    a->used = mark;
}
