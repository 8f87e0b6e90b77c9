/* SPDX-License-Identifier: MIT
 *
 * Pairs of tokens: how often each stands in the words, and a queue of places where.
 */
#ifndef LIBTRAIN_VOCABULARY_PAIRS_H
#define LIBTRAIN_VOCABULARY_PAIRS_H

#include <stddef.h>
#include <stdint.h>

struct tr__paired {
    uint64_t key;  /* left id << 32 | right id */
    int64_t count; /* weighted by the words */
    uint32_t n_new, last; /* words noted since the last _places, and which was last */
    uint32_t *place;
};

struct tr__pairs { /* start with {0} */
    struct tr__paired *pair; /* (n) in the order in which they came */
    size_t n, cap;
    uint32_t *slot; /* (n_slot) number + 1, 0: empty; open addressing */
    size_t n_slot;
    struct tr__place { uint32_t pair, word; } *fresh; /* what was noted */
    size_t n_fresh, cap_fresh;
    uint32_t *touched; /* the pairs of these */
    size_t n_touched, cap_touched;
};

/* Number of a pair, added with count 0 if it is new; -1: no memory. */
int64_t tr__pairs_put(struct tr__pairs *p, uint64_t key);
/* Note that it stands in a word.  Words are noted in ascending order.  0, or -1. */
int tr__pairs_note(struct tr__pairs *p, uint32_t pair, uint32_t word);
/* Make p->pair[i].place, (n_new) words, of what was noted, for all i in touched, malloc'ed
 * each; the lists of what was noted are empty then but for `touched`.  0, or -1. */
int tr__pairs_places(struct tr__pairs *p);
void tr__pairs_release(struct tr__pairs *p);

struct tr__candidate { /* a pair with its count as it was, and some of the words it is in */
    int64_t count;
    uint64_t key;
    uint32_t pair, n_place;
    uint32_t *place; /* malloc'ed */
};

struct tr__queue { /* the largest count first, then the smallest key; start with {0} */
    struct tr__candidate *at;
    size_t n, cap;
};
int tr__queue_push(struct tr__queue *q, struct tr__candidate c);
/* q->n is not 0. */
struct tr__candidate tr__queue_pop(struct tr__queue *q);
/* Frees the places too. */
void tr__queue_release(struct tr__queue *q);

#endif
