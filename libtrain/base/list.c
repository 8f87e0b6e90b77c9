/* SPDX-License-Identifier: MIT
 *
 * The list of list.h, without locks: a handler that interrupts the holder of a lock would
 * wait for ever.  What stands in such lists is in temps.c and maps.c.
 */
#include <libtrain/base/list.h>

#include <stdlib.h>

static int take(struct tr__entry *e)
{
    int no = 0;
    return atomic_compare_exchange_strong(&e->taken, &no, 1);
}

void *tr__list_take(struct tr__list *l, size_t bytes)
{
    for (struct tr__entry *e = tr__list_first(l); e; e = e->next)
        if (take(e))
            return e;
    struct tr__entry *e = calloc(1, bytes);
    if (!e)
        return NULL;
    atomic_store(&e->taken, 1);
    e->next = atomic_load(&l->first);
    while (!atomic_compare_exchange_weak(&l->first, &e->next, e))
        continue; /* another thread was first: e->next is its entry now */
    return e;
}

void tr__list_give(struct tr__entry *e)
{
    atomic_store(&e->taken, 0);
}
