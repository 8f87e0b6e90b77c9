/* SPDX-License-Identifier: MIT
 *
 * Byte strings, each once, numbered in the order in which they came, with a count for each.
 */
#ifndef LIBTRAIN_VOCABULARY_STRINGS_H
#define LIBTRAIN_VOCABULARY_STRINGS_H

#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdint.h>

struct tr__strings { /* start with {0} */
    struct tr__string {
        size_t at; /* in bytes */
        uint32_t len, tag;
        uint64_t count; /* the caller's, 0 at first */
    } *s;
    size_t n, cap;
    char *bytes;
    size_t n_bytes, cap_bytes;
    struct tr__string_slot {
        uint32_t tag, number_plus; /* number + 1; 0: empty */
    } *slot; /* (n_slot), a power of two; open addressing */
    size_t n_slot;
};

/* Number of the string, or -1. */
int64_t tr__strings_find(const struct tr__strings *x, const char *p, size_t len);
/* The same, added if it is new; -1 if there is no memory for it. */
int64_t tr__strings_put(struct tr__strings *x, const char *p, size_t len);
void tr__strings_release(struct tr__strings *x);

static inline struct tr_str tr__strings_at(const struct tr__strings *x, size_t i)
{
    return (struct tr_str){ x->bytes + x->s[i].at, x->s[i].len };
}

#endif
