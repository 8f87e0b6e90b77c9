/* SPDX-License-Identifier: MIT
 *
 * Pairs in a table that only grows, and the queue in which they wait to be merged.  Counts
 * change with every merge; the queue is told nothing of that, and who takes a pair out
 * looks whether its count is still right (merger.c).
 */
#include <libtrain/vocabulary/pairs.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

enum { FIRST = 1 << 12 };

/* ---- the table ---------------------------------------------------------------------- */

static size_t hash(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return (size_t)(key ^ key >> 29);
}

static int more_slots(struct tr__pairs *p)
{
    size_t n = p->n_slot ? 2 * p->n_slot : FIRST;
    uint32_t *slot = calloc(n, sizeof *slot);
    if (!slot)
        return -1;
    free(p->slot);
    p->slot = slot;
    p->n_slot = n;
    for (size_t k = 0; k < p->n; k++) {
        size_t i = hash(p->pair[k].key);
        while (slot[i & (n - 1)])
            i++;
        slot[i & (n - 1)] = (uint32_t)k + 1;
    }
    return 0;
}

int64_t tr__pairs_put(struct tr__pairs *p, uint64_t key)
{
    if (2 * (p->n + 1) > p->n_slot && more_slots(p))
        return -1;
    size_t i = hash(key), mask = p->n_slot - 1;
    for (; p->slot[i & mask]; i++)
        if (p->pair[p->slot[i & mask] - 1].key == key)
            return (int64_t)p->slot[i & mask] - 1;
    if (p->n >= UINT32_MAX - 1 || tr__grow(&p->pair, &p->cap, p->n + 1, sizeof *p->pair))
        return -1;
    p->pair[p->n] = (struct tr__paired){ .key = key };
    p->slot[i & mask] = (uint32_t)p->n + 1;
    return (int64_t)p->n++;
}

int tr__pairs_note(struct tr__pairs *p, uint32_t pair, uint32_t word)
{
    struct tr__paired *x = &p->pair[pair];
    if (x->n_new && x->last == word)
        return 0;
    if (!x->n_new) {
        if (tr__grow(&p->touched, &p->cap_touched, p->n_touched + 1, sizeof *p->touched))
            return -1;
        p->touched[p->n_touched++] = pair;
    }
    if (tr__grow(&p->fresh, &p->cap_fresh, p->n_fresh + 1, sizeof *p->fresh))
        return -1;
    p->fresh[p->n_fresh++] = (struct tr__place){ pair, word };
    x->last = word;
    x->n_new++;
    return 0;
}

int tr__pairs_places(struct tr__pairs *p)
{
    int rc = 0;
    for (size_t i = 0; i < p->n_touched; i++) {
        struct tr__paired *x = &p->pair[p->touched[i]];
        x->place = malloc(x->n_new * sizeof *x->place);
        rc = x->place ? rc : -1;
        x->n_new = 0;
    }
    for (size_t i = 0; i < p->n_fresh && !rc; i++) {
        struct tr__paired *x = &p->pair[p->fresh[i].pair];
        x->place[x->n_new++] = p->fresh[i].word;
    }
    p->n_fresh = 0;
    return rc;
}

void tr__pairs_release(struct tr__pairs *p)
{
    for (size_t i = 0; i < p->n_touched; i++)
        free(p->pair[p->touched[i]].place);
    free(p->pair);
    free(p->slot);
    free(p->fresh);
    free(p->touched);
    *p = (struct tr__pairs){ 0 };
}

/* ---- the queue, a binary heap ------------------------------------------------------- */

static int before(const struct tr__candidate *a, const struct tr__candidate *b)
{
    return a->count != b->count ? a->count > b->count : a->key < b->key;
}

int tr__queue_push(struct tr__queue *q, struct tr__candidate c)
{
    if (tr__grow(&q->at, &q->cap, q->n + 1, sizeof *q->at))
        return -1;
    size_t i = q->n++;
    for (; i && before(&c, &q->at[(i - 1) / 2]); i = (i - 1) / 2)
        q->at[i] = q->at[(i - 1) / 2];
    q->at[i] = c;
    return 0;
}

struct tr__candidate tr__queue_pop(struct tr__queue *q)
{
    struct tr__candidate top = q->at[0], c = q->at[--q->n];
    size_t i = 0;
    for (size_t k = 1; k < q->n; k = 2 * i + 1) {
        k += k + 1 < q->n && before(&q->at[k + 1], &q->at[k]);
        if (!before(&q->at[k], &c))
            break;
        q->at[i] = q->at[k];
        i = k;
    }
    q->at[i] = c;
    return top;
}

void tr__queue_release(struct tr__queue *q)
{
    for (size_t i = 0; i < q->n; i++)
        free(q->at[i].place);
    free(q->at);
    *q = (struct tr__queue){ 0 };
}
