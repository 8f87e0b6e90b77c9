/* SPDX-License-Identifier: MIT
 *
 * Merging the symbols of one word: a heap of pairs over a linked list, O(n log n) for a
 * word of n symbols.  A pair in the heap is its priority and its place; what stands there
 * may have changed since, so the priority is compared again when it comes up.  The left
 * symbol of a pair starts where it did and ends where the right one starts as long as both
 * live, so only a longer right symbol can make a pair stale.
 */
#include <libtrain/tokenizer/kind.h>

#include <stdlib.h>

/* Words up to this many symbols: the smallest of all pairs is looked for each time. */
enum { SHORT_WORD = 16 };

int tr__work_reserve(struct tr_encoder *e, size_t n)
{
    struct tr__work *w = &e->work;
    if (n <= w->cap)
        return 0;
    if (n >= UINT32_MAX)
        return tr_err_set(e->err, TR_EUNSUPPORTED, "a word of %zu bytes is too long", n);
    size_t cap = w->cap + w->cap / 2 > n ? w->cap + w->cap / 2 : n;
    cap = cap < 64 ? 64 : cap;
    free(w->sym);
    free(w->heap);
    w->sym = malloc(cap * sizeof *w->sym);
    /* n - 1 pairs at first; a merge takes one out and puts two in at most */
    w->heap = malloc(2 * cap * sizeof *w->heap);
    w->cap = w->sym && w->heap ? cap : 0;
    return w->cap ? 0 : tr_err_sys(e->err, "cannot hold a word of %zu symbols", n);
}

/* How the file spells a symbol: where it has characters, a space is U+2581. */
static struct tr_str as_spelt(const struct tr_tokenizer *t, const char *p, size_t len)
{
    static const char mark[] = "\xe2\x96\x81";
    char bytes[sizeof mark];
    int spelt = 1;
    if (len == 1 && *p == ' ' && t->kind->unescape(mark, sizeof mark - 1, bytes, &spelt) == 1)
        return (struct tr_str){ mark, sizeof mark - 1 };
    return (struct tr_str){ p, len };
}

int32_t tr__merges_symbol(const struct tr_tokenizer *t, const char *p, size_t len)
{
    const struct tr__vocab *v = &t->vocab, *x = &t->extra;
    int32_t id = tr__idmap_find(&v->text, v, p, len);
    if (id >= 0 || !t->pair)
        return id;
    struct tr_str spelt = as_spelt(t, p, len);
    id = tr__idmap_find(&v->special, v, spelt.ptr, spelt.len);
    if (id >= 0 || !x->n)
        return id;
    int32_t at = tr__idmap_find(&x->text, x, p, len);
    return at < 0 ? -1 : (int32_t)v->n + at;
}

/* Four children to a node: half as deep as with two, and a long word's heap is larger than
 * the cache. */
static void heap_push(struct tr__work *w, uint64_t x)
{
    size_t i = w->n_heap++;
    for (size_t up; i > 0 && w->heap[up = (i - 1) / 4] > x; i = up)
        w->heap[i] = w->heap[up];
    w->heap[i] = x;
}

static uint64_t heap_pop(struct tr__work *w)
{
    uint64_t top = w->heap[0], x = w->heap[--w->n_heap];
    size_t i = 0, n = w->n_heap;
    for (size_t child; (child = 4 * i + 1) < n;) {
        size_t end = child + 4 < n ? child + 4 : n, down = child;
        for (child++; child < end; child++)
            if (w->heap[child] < w->heap[down])
                down = child;
        if (w->heap[down] >= x)
            break;
        w->heap[i] = w->heap[down];
        i = down;
    }
    w->heap[i] = x;
    return top;
}

/* Ask for the pair that starts at symbol i. */
static void look(const struct tr_encoder *e, const char *word, uint32_t i)
{
    struct tr__symbol *l = &e->work.sym[i];
    l->prio = TR__NO_MERGE;
    if (l->next != TR__NO_SYMBOL)
        e->t->kind->pair(e->t, word, l, &e->work.sym[l->next]);
}

static void merge_at(const struct tr_encoder *e, const char *word, uint32_t i)
{
    struct tr__symbol *sym = e->work.sym, *l = &sym[i], *r = &sym[l->next];
    l->id = (int32_t)l->to;
    l->len += r->len;
    r->len = 0;
    r->prio = TR__NO_MERGE;
    l->next = r->next;
    if (l->next != TR__NO_SYMBOL)
        sym[l->next].prev = i;
    look(e, word, i);
    if (l->prev != TR__NO_SYMBOL)
        look(e, word, l->prev);
}

static void merge_short(struct tr_encoder *e, const char *word)
{
    struct tr__symbol *sym = e->work.sym;
    for (;;) {
        uint32_t best = 0;
        for (uint32_t i = sym[0].next; i != TR__NO_SYMBOL; i = sym[i].next)
            if (sym[i].prio < sym[best].prio)
                best = i;
        if (sym[best].prio == TR__NO_MERGE)
            return;
        merge_at(e, word, best);
    }
}

static void push_pair(struct tr__work *w, uint32_t i)
{
    if (i != TR__NO_SYMBOL && w->sym[i].prio != TR__NO_MERGE)
        heap_push(w, (uint64_t)w->sym[i].prio << 32 | i);
}

static void merge_long(struct tr_encoder *e, const char *word)
{
    struct tr__work *w = &e->work;
    w->n_heap = 0;
    for (uint32_t i = 0; i < w->n_sym; i++)
        push_pair(w, i);
    while (w->n_heap) {
        uint64_t top = heap_pop(w);
        uint32_t i = (uint32_t)top;
        if (w->sym[i].prio != (uint32_t)(top >> 32))
            continue;
        merge_at(e, word, i);
        push_pair(w, i);
        push_pair(w, w->sym[i].prev);
    }
}

void tr__merge(struct tr_encoder *e, const char *word)
{
    struct tr__work *w = &e->work;
    for (uint32_t i = 0; i < w->n_sym; i++) {
        w->sym[i].prev = i ? i - 1 : TR__NO_SYMBOL;
        w->sym[i].next = i + 1 < w->n_sym ? i + 1 : TR__NO_SYMBOL;
    }
    for (uint32_t i = 0; i < w->n_sym; i++)
        look(e, word, i);
    if (w->n_sym <= SHORT_WORD)
        merge_short(e, word);
    else
        merge_long(e, word);
}
