/* SPDX-License-Identifier: MIT
 *
 * Forward and backward sums over all ways to cut a word into pieces (Kudo 2018).  The sums
 * are kept relative to the best way, so they are numbers from 1 to the number of ways, and
 * each edge takes one exponential.
 */
#include <libtrain/vocabulary/pieces.h>

#include <libtrain/base/base.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the trie ----------------------------------------------------------------------- */

static uint64_t hash(uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return key ^ key >> 32;
}

/* The slot of a child, or the empty one where it belongs. */
static uint64_t child(const struct tr__trie *t, uint32_t node, uint32_t sym)
{
    uint64_t key = (uint64_t)node << 32 | sym, i = hash(key) & t->mask;
    while (t->to[i] && t->key[i] != key)
        i = (i + 1) & t->mask;
    return i;
}

static int make_room(struct tr__trie *t, size_t n_node)
{
    uint64_t n = 64;
    while (n < 2 * n_node)
        n *= 2;
    t->mask = n - 1;
    t->key = malloc(n * sizeof *t->key);
    t->to = calloc(n, sizeof *t->to);
    t->piece_plus = calloc(n_node, sizeof *t->piece_plus);
    return t->key && t->to && t->piece_plus ? 0 : -1;
}

static void add(struct tr__trie *t, const struct tr__piece *p, uint32_t number)
{
    uint32_t node = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t slot = child(t, node, p->sym[i]);
        if (!t->to[slot]) {
            t->key[slot] = (uint64_t)node << 32 | p->sym[i];
            t->to[slot] = (uint32_t)t->n++;
        }
        node = t->to[slot];
    }
    t->piece_plus[node] = number + 1;
}

int tr__trie_build(struct tr__trie *t, const struct tr__pieces *p, struct tr_err *err)
{
    size_t n_node = 1;
    for (size_t i = 0; i < p->n; i++)
        n_node += p->at[i].n;
    tr__trie_release(t);
    if (n_node >= UINT32_MAX || make_room(t, n_node))
        return tr_err_set(err, TR_ENOMEM, "out of memory for %zu pieces of words", p->n);
    t->n = 1;
    for (size_t i = 0; i < p->n; i++)
        add(t, &p->at[i], (uint32_t)i);
    return 0;
}

void tr__trie_release(struct tr__trie *t)
{
    free(t->key);
    free(t->to);
    free(t->piece_plus);
    *t = (struct tr__trie){ 0 };
}

/* ---- the lattice -------------------------------------------------------------------- */

static int add_edge(struct tr__lattice *l, uint32_t from, uint32_t to, uint32_t piece,
                    double score)
{
    struct tr__node *a = &l->node[from], *b = &l->node[to];
    if (tr__grow(&l->edge, &l->cap_edge, l->n_edge + 1, sizeof *l->edge))
        return -1;
    l->edge[l->n_edge] = (struct tr__edge){ from, to, piece, a->best + score };
    if (a->best + score > b->best) {
        b->best = a->best + score;
        b->by = (uint32_t)l->n_edge;
    }
    l->n_edge++;
    return 0;
}

int tr__lattice_set(struct tr__lattice *l, const struct tr__trie *t,
                    const struct tr__pieces *p, const uint32_t *sym, uint32_t n,
                    size_t without)
{
    if (tr__grow(&l->node, &l->cap_node, (size_t)n + 1, sizeof *l->node))
        return -1;
    for (uint32_t i = 0; i <= n; i++)
        l->node[i].best = i ? -INFINITY : 0;
    l->n = n;
    l->n_edge = 0;
    for (uint32_t from = 0; from < n; from++)
        for (uint32_t to = from, node = 0; to < n;) {
            node = t->to[child(t, node, sym[to++])];
            if (!node)
                break;
            size_t piece = t->piece_plus[node];
            if (piece && piece - 1 != without &&
                add_edge(l, from, to, (uint32_t)piece - 1, p->at[piece - 1].score))
                return -1;
        }
    return 0;
}

void tr__lattice_expect(struct tr__lattice *l, uint64_t count, int64_t *expected)
{
    struct tr__node *node = l->node;
    for (uint32_t i = 0; i <= l->n; i++) {
        node[i].to = i == 0;
        node[i].rest = i == l->n;
    }
    for (size_t i = 0; i < l->n_edge; i++) {
        struct tr__edge *e = &l->edge[i];
        e->p = exp(e->p - node[e->to].best);
        node[e->to].to += node[e->from].to * e->p;
    }
    for (size_t i = l->n_edge; i-- > 0;)
        node[l->edge[i].from].rest += l->edge[i].p * node[l->edge[i].to].rest;
    double unit = (double)count * 0x1p20 / node[l->n].to;
    for (size_t i = 0; i < l->n_edge; i++) {
        const struct tr__edge *e = &l->edge[i];
        expected[e->piece] += (int64_t)(node[e->from].to * e->p * node[e->to].rest * unit);
    }
}

void tr__lattice_release(struct tr__lattice *l)
{
    free(l->edge);
    free(l->node);
    *l = (struct tr__lattice){ 0 };
}
