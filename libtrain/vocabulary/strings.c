/* SPDX-License-Identifier: MIT
 *
 * A table of byte strings: of the words of a text and of the tokens made of them.  The
 * bytes lie one after the other; a slot has half of the hash beside the number, so that a
 * string is looked at only where it is very probably the one.
 */
#include <libtrain/vocabulary/strings.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FIRST = 1 << 10 };

/* The slot of the string, or the empty one where it belongs. */
static struct tr__string_slot *find(const struct tr__strings *x, uint64_t hash,
                                    const char *p, size_t len)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t i = hash;; i++) {
        struct tr__string_slot *slot = &x->slot[i & (x->n_slot - 1)];
        if (!slot->number_plus)
            return slot;
        const struct tr__string *s = &x->s[slot->number_plus - 1];
        if (slot->tag == tag && s->len == len && !memcmp(x->bytes + s->at, p, len))
            return slot;
    }
}

int64_t tr__strings_find(const struct tr__strings *x, const char *p, size_t len)
{
    if (!x->n_slot)
        return -1;
    return (int64_t)find(x, XXH3_64bits(p, len), p, len)->number_plus - 1;
}

static int more_slots(struct tr__strings *x)
{
    size_t n = x->n_slot ? 2 * x->n_slot : FIRST;
    struct tr__string_slot *slot = calloc(n, sizeof *slot);
    if (!slot)
        return -1;
    free(x->slot);
    x->slot = slot;
    x->n_slot = n;
    for (size_t k = 0; k < x->n; k++) {
        struct tr_str s = tr__strings_at(x, k);
        size_t i = XXH3_64bits(s.ptr, s.len);
        while (slot[i & (n - 1)].number_plus)
            i++;
        slot[i & (n - 1)] = (struct tr__string_slot){ x->s[k].tag, (uint32_t)k + 1 };
    }
    return 0;
}

static int reserve(struct tr__strings *x, size_t len)
{
    if (x->n >= UINT32_MAX - 1 || len > UINT32_MAX)
        return -1;
    if (2 * (x->n + 1) > x->n_slot && more_slots(x))
        return -1;
    return tr__grow(&x->s, &x->cap, x->n + 1, sizeof *x->s) ||
           tr__grow(&x->bytes, &x->cap_bytes, x->n_bytes + len + 1, 1) ? -1 : 0;
}

int64_t tr__strings_put(struct tr__strings *x, const char *p, size_t len)
{
    uint64_t hash = XXH3_64bits(p, len);
    struct tr__string_slot *slot = x->n_slot ? find(x, hash, p, len) : NULL;
    if (slot && slot->number_plus)
        return (int64_t)slot->number_plus - 1;
    if (reserve(x, len))
        return -1;
    uint32_t tag = (uint32_t)(hash >> 32);
    slot = find(x, hash, p, len);
    *slot = (struct tr__string_slot){ tag, (uint32_t)x->n + 1 };
    x->s[x->n] = (struct tr__string){ .at = x->n_bytes, .len = (uint32_t)len, .tag = tag };
    memcpy(x->bytes + x->n_bytes, p, len);
    x->n_bytes += len;
    return (int64_t)x->n++;
}

void tr__strings_release(struct tr__strings *x)
{
    free(x->s);
    free(x->bytes);
    free(x->slot);
    *x = (struct tr__strings){ 0 };
}
