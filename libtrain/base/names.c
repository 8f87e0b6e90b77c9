/* SPDX-License-Identifier: MIT
 *
 * A hash table beside an array of structs that begin with a name: a GGUF has thousands of
 * tensors and keys, and each is asked for by name.  Linear probing over places in the array;
 * it never holds pointers, so the array may move.
 */
#include <libtrain/base/names.h>

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char *name_at(const void *base, size_t stride, size_t i)
{
    const char *name;
    memcpy(&name, (const char *)base + i * stride, sizeof name);
    return name;
}

/* The slot that holds this name, or the free one where it belongs: linear probing. */
static size_t probe(const struct tr__names *x, const void *base, size_t stride,
                    const char *name)
{
    size_t i = (size_t)XXH3_64bits(name, strlen(name)) & (x->n_slot - 1);
    while (x->slot[i] && strcmp(name_at(base, stride, x->slot[i] - 1), name))
        i = (i + 1) & (x->n_slot - 1);
    return i;
}

int tr__names_reserve(struct tr__names *x, const void *base, size_t stride, size_t n)
{
    size_t n_slot = 8;
    if (n > INT32_MAX)
        return -1;
    while (n_slot < n + n / 3 + 1) /* at most three quarters full */
        n_slot *= 2;
    if (n_slot <= x->n_slot)
        return 0;
    uint32_t *old = x->slot;
    uint32_t *slot = calloc(n_slot, sizeof *slot);
    if (!slot)
        return -1;
    x->slot = slot;
    x->n_slot = n_slot;
    for (size_t i = 0; i < x->n; i++)
        slot[probe(x, base, stride, name_at(base, stride, i))] = (uint32_t)i + 1;
    free(old);
    return 0;
}

int tr__names_add(struct tr__names *x, const void *base, size_t stride)
{
    if (tr__names_reserve(x, base, stride, x->n + 1))
        return -1;
    size_t i = probe(x, base, stride, name_at(base, stride, x->n));
    if (x->slot[i])
        return 1;
    x->slot[i] = (uint32_t)++x->n;
    return 0;
}

size_t tr__names_find(const struct tr__names *x, const void *base, size_t stride,
                      const char *name)
{
    if (!x->n)
        return TR__NO_NAME;
    size_t i = probe(x, base, stride, name);
    return x->slot[i] ? x->slot[i] - 1 : TR__NO_NAME;
}

void tr__names_release(struct tr__names *x)
{
    free(x->slot);
    *x = (struct tr__names){ 0 };
}
