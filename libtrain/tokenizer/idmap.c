/* SPDX-License-Identifier: MIT
 *
 * From bytes to the id of the token that stands for them: a table with open addressing
 * that holds ids alone, since their bytes are in the vocabulary.  High bits of the hash
 * beside an id spare most looks at the bytes.
 */
#include <libtrain/tokenizer/vocab.h>

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int tr__idmap_init(struct tr__idmap *map, uint64_t n, struct tr_err *err)
{
    uint64_t size = 4;
    while (size < n + n / 2)
        size *= 2;
    map->mask = size - 1;
    map->slot = calloc(size, sizeof *map->slot);
    if (!map->slot)
        return tr_err_sys(err, "cannot index %llu tokens", (unsigned long long)n);
    return 0;
}

/* The slot that holds these bytes, or the empty one where they belong. */
static struct tr__idslot *find_slot(const struct tr__idmap *map, const struct tr__vocab *v,
                                    const char *p, size_t len, uint32_t *tag)
{
    uint64_t hash = XXH3_64bits(p, len);
    *tag = (uint32_t)(hash >> 32);
    for (uint64_t i = hash & map->mask;; i = (i + 1) & map->mask) {
        struct tr__idslot *s = &map->slot[i];
        if (!s->id_plus)
            return s;
        if (s->tag != *tag)
            continue;
        struct tr_str have = tr__vocab_bytes(v, s->id_plus - 1);
        if (have.len == len && !memcmp(have.ptr, p, len))
            return s;
    }
}

int32_t tr__idmap_find(const struct tr__idmap *map, const struct tr__vocab *v,
                       const char *p, size_t len)
{
    uint32_t tag;
    return (int32_t)find_slot(map, v, p, len, &tag)->id_plus - 1;
}

int tr__idmap_add(struct tr__idmap *map, const struct tr__vocab *v, uint32_t id)
{
    struct tr_str key = tr__vocab_bytes(v, id);
    uint32_t tag;
    struct tr__idslot *s = find_slot(map, v, key.ptr, key.len, &tag);
    if (s->id_plus)
        return 0;
    *s = (struct tr__idslot){ tag, id + 1 };
    return 1;
}
