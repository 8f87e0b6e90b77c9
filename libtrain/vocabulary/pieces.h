/* SPDX-License-Identifier: MIT
 *
 * Pieces of words, each with its logarithm of a probability, and which of them a word may
 * be made of.
 */
#ifndef LIBTRAIN_VOCABULARY_PIECES_H
#define LIBTRAIN_VOCABULARY_PIECES_H

#include <libtrain/error.h>
#include <libtrain/vocabulary/merger.h>

#include <stddef.h>
#include <stdint.h>

struct tr__piece {
    const uint32_t *sym; /* (n) */
    uint32_t n;
    double score; /* how frequent at first, then log p */
};

struct tr__pieces { /* grows; start with {0}; the caller frees at */
    struct tr__piece *at;
    size_t n, cap;
};

/* Append the substrings of 2 to `longest` symbols that stand in the words twice or more,
 * each as long as it can be for the places where it stands: the first `most` by frequency
 * times length, which is their score.  They point into words->sym. */
int tr__pieces_frequent(const struct tr__words *words, uint32_t longest, size_t most,
                        struct tr__pieces *p, struct tr_err *err) TR_MUST_CHECK;

struct tr__trie { /* start with {0} */
    uint64_t *key; /* (mask + 1) node << 32 | symbol, with `to`; open addressing */
    uint32_t *to;  /* 0: an empty slot */
    uint64_t mask;
    uint32_t *piece_plus; /* of each node, + 1; 0: none ends there */
    size_t n;
};
int tr__trie_build(struct tr__trie *t, const struct tr__pieces *p,
                   struct tr_err *err) TR_MUST_CHECK;
void tr__trie_release(struct tr__trie *t);

struct tr__lattice { /* all ways to make a word of pieces; start with {0} */
    struct tr__edge {
        uint32_t from, to, piece;
        double p; /* of the best way to `from` and this piece, over the best to `to` */
    } *edge; /* (n_edge) by `from`, then `to` */
    size_t n_edge, cap_edge;
    struct tr__node {
        double best;     /* log p of the best way from the beginning to here */
        uint32_t by;     /* its last edge */
        double to, rest; /* sums over the ways to here and from here, of products of p */
    } *node; /* (n + 1) */
    size_t cap_node;
    uint32_t n;
};
/* Of a word, of which each symbol is a piece; but for piece number `without`, or all with
 * SIZE_MAX.  0, or -1: no memory. */
int tr__lattice_set(struct tr__lattice *l, const struct tr__trie *t,
                    const struct tr__pieces *p, const uint32_t *sym, uint32_t n,
                    size_t without);
/* Add how often each piece is to be expected in `count` such words, in units of 2^-20: sums
 * of integers do not depend on their order. */
void tr__lattice_expect(struct tr__lattice *l, uint64_t count, int64_t *expected);
void tr__lattice_release(struct tr__lattice *l);

#endif
