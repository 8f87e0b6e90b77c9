/* SPDX-License-Identifier: MIT
 *
 * A list that a signal handler may walk while threads add to it.  Entries are taken and
 * given back, never freed, and only the first of them moves; whether an entry counts is a
 * flag of its own, set last and cleared first.
 */
#ifndef LIBTRAIN_BASE_LIST_H
#define LIBTRAIN_BASE_LIST_H

#include <stdatomic.h>
#include <stddef.h>

struct tr__entry { /* first member of what is listed */
    struct tr__entry *next;
    atomic_int taken;
};

struct tr__list { /* all zero: empty */
    _Atomic(struct tr__entry *) first;
};

/* An entry of `bytes` bytes, the same for all of a list: one that was given back, with what
 * it held, or a new one, all zero.  NULL for lack of memory. */
void *tr__list_take(struct tr__list *l, size_t bytes);
void tr__list_give(struct tr__entry *e);

/* The entries, given back ones too: async-signal-safe. */
static inline void *tr__list_first(struct tr__list *l)
{
    return atomic_load(&l->first);
}

#endif
