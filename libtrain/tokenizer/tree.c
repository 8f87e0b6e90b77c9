/* SPDX-License-Identifier: MIT
 *
 * A trie in three arrays.  Keys are sorted, and nodes are numbered level by level, so the
 * children of a node stand beside each other and its first one says all: nine bytes a node.
 */
#include <libtrain/tokenizer/tree.h>

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b)
{
    const struct tr__key *x = a, *y = b;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = n ? memcmp(x->text.ptr, y->text.ptr, n) : 0;
    if (order || x->text.len != y->text.len)
        return order ? order : x->text.len < y->text.len ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Nodes that sorted keys need, and the root. */
static uint64_t count_nodes(const struct tr__key *key, size_t n)
{
    uint64_t nodes = 1;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0, most = i ? key[i - 1].text.len : 0;
        while (same < most && same < key[i].text.len &&
               key[i].text.ptr[same] == key[i - 1].text.ptr[same])
            same++;
        nodes += key[i].text.len - same;
    }
    return nodes;
}

struct range { /* the keys below a node */
    uint32_t from, to;
};

/* Make the children of a node whose keys have `depth` bytes in common. */
static void add_children(struct tr__tree *t, const struct tr__key *key,
                         struct range *range, uint32_t node, size_t depth)
{
    uint32_t from = range[node].from, end = range[node].to;
    t->id[node] = -1;
    for (; from < end && key[from].text.len == depth; from++)
        t->id[node] = key[from].id;
    t->child[node] = t->n;
    for (uint32_t to; from < end; from = to) {
        unsigned char label = (unsigned char)key[from].text.ptr[depth];
        for (to = from + 1; to < end && (unsigned char)key[to].text.ptr[depth] == label;)
            to++;
        t->label[t->n] = label;
        range[t->n++] = (struct range){ from, to };
    }
}

static void build(struct tr__tree *t, const struct tr__key *key, size_t n,
                  struct range *range)
{
    uint32_t level_end = 1;
    size_t depth = 0;
    t->n = 1;
    t->label[0] = 0;
    range[0] = (struct range){ 0, (uint32_t)n };
    for (uint32_t node = 0; node < t->n; node++) {
        if (node == level_end) {
            depth++;
            level_end = t->n;
        }
        add_children(t, key, range, node, depth);
    }
    t->child[t->n] = t->n;
    t->id[0] = -1; /* no key is empty */
    for (uint32_t i = t->child[0]; i < t->child[1]; i++)
        t->root[t->label[i]] = i;
}

int tr__tree_build(struct tr__tree *t, struct tr__key *key, size_t n, struct tr_err *err)
{
    qsort(key, n, sizeof *key, by_text);
    uint64_t nodes = count_nodes(key, n);
    if (nodes >= UINT32_MAX || n >= UINT32_MAX)
        return tr_err_set(err, TR_EUNSUPPORTED, "the tokens are too many bytes to index");
    for (size_t i = 0; i < n; i++)
        t->longest = key[i].text.len > t->longest ? key[i].text.len : t->longest;
    t->child = malloc((nodes + 1) * sizeof *t->child);
    t->label = malloc(nodes);
    t->id = malloc(nodes * sizeof *t->id);
    struct range *range = malloc(nodes * sizeof *range);
    int rc = t->child && t->label && t->id && range
           ? 0 : tr_err_sys(err, "cannot index %zu tokens", n);
    if (!rc)
        build(t, key, n, range);
    free(range);
    return rc;
}

void tr__tree_release(struct tr__tree *t)
{
    free(t->child);
    free(t->label);
    free(t->id);
    *t = (struct tr__tree){ 0 };
}

uint32_t tr__tree_child(const struct tr__tree *t, uint32_t node, unsigned char label)
{
    uint32_t low = t->child[node], end = t->child[node + 1], high = end;
    while (high - low > 4) {
        uint32_t mid = low + (high - low) / 2;
        if (t->label[mid] <= label)
            low = mid;
        else
            high = mid;
    }
    for (; low < high; low++)
        if (t->label[low] == label)
            return low;
    return 0;
}

size_t tr__tree_longest(const struct tr__tree *t, const char *p, size_t left, int32_t *id)
{
    size_t found = 0;
    uint32_t node = 0;
    for (size_t i = 0; i < left; i++) {
        node = tr__tree_step(t, node, p[i]);
        if (!node)
            break;
        if (t->id[node] >= 0) {
            found = i + 1;
            *id = t->id[node];
        }
    }
    return found;
}
