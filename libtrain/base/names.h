/* SPDX-License-Identifier: MIT
 *
 * Find things by name: a hash table beside an array of structs whose first member is
 * `const char *name`.  The table holds places in the array, never pointers, and the array
 * (base, bytes of a struct) is handed in with every call, so its owner may move it.
 * The owner of the table releases it.
 */
#ifndef LIBTRAIN_BASE_NAMES_H
#define LIBTRAIN_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct tr__names { /* all zero: empty */
    uint32_t *slot; /* 1 + place in the array; 0: free */
    size_t n_slot, n;
};

#define TR__NO_NAME SIZE_MAX

/* Make room for n names: 0, or -1 for lack of memory (or n of 2^31 and more). */
int tr__names_reserve(struct tr__names *x, const void *base, size_t stride, size_t n);

/* Enter the struct at place x->n (things are entered in the order of the array): 0; 1 if
 * that name is there already; -1 for lack of memory. */
int tr__names_add(struct tr__names *x, const void *base, size_t stride);

/* Place of a name, or TR__NO_NAME. */
size_t tr__names_find(const struct tr__names *x, const void *base, size_t stride,
                      const char *name);

void tr__names_release(struct tr__names *x);

#endif
