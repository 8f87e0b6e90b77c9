/* SPDX-License-Identifier: MIT
 *
 * Texts that begin alike, a byte after the other: which of them begin at a place.
 */
#ifndef LIBTRAIN_TOKENIZER_TREE_H
#define LIBTRAIN_TOKENIZER_TREE_H

#include <libtrain/error.h>
#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdint.h>

struct tr__tree { /* node 0 is the root; start with {0}, which is empty */
    uint32_t n;
    size_t longest;  /* bytes of a key */
    uint32_t *child; // (n + 1) the first child of each; they stand beside each other
    uint8_t *label;  // (n) ascending among brothers
    int32_t *id;     // (n) of the text that ends here, -1 if none does
    uint32_t root[256]; /* the root's children by their label; 0: none */
};

struct tr__key {
    struct tr_str text;
    int32_t id;
};

/* Build of n keys, which are sorted; empty ones are left out, the last of equal ones
 * counts. */
int tr__tree_build(struct tr__tree *t, struct tr__key *key, size_t n,
                   struct tr_err *err) TR_MUST_CHECK;
void tr__tree_release(struct tr__tree *t);

/* The child of this label, or 0. */
uint32_t tr__tree_child(const struct tr__tree *t, uint32_t node, unsigned char label);

static inline uint32_t tr__tree_step(const struct tr__tree *t, uint32_t node, char c)
{
    return node ? tr__tree_child(t, node, (unsigned char)c) : t->root[(unsigned char)c];
}

/* Bytes at p, of `left`, of the longest key that stands there; 0 if none does. */
size_t tr__tree_longest(const struct tr__tree *t, const char *p, size_t left, int32_t *id);

#endif
