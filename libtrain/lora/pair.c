/* SPDX-License-Identifier: MIT
 *
 * The pairs of an adapter: making and freeing them, and how each is scaled.  An adapter
 * owns the names of its weights, so that it may outlive the model that it was made for.
 * It gets its pairs from a file (open.c) or by patterns (new.c).
 */
#include <libtrain/lora/pair.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tr_lora *tr__lora_alloc(size_t max_pairs, struct tr_err *err)
{
    struct tr_lora *l = calloc(1, sizeof *l);
    if (l)
        l->pair = calloc(max_pairs + 3, sizeof *l->pair); /* and rows of two tables */
    if (!l || !l->pair) {
        free(l);
        tr_err_set(err, TR_ENOMEM, "out of memory for an adapter of %zu pairs", max_pairs);
        return NULL;
    }
    return l;
}

/* "NAME.lora_a" or "NAME.lora_b". */
static char *tensor_name(const char *base, char which)
{
    size_t size = strlen(base) + sizeof ".lora_a";
    char *name = malloc(size);
    if (name)
        snprintf(name, size, "%s.lora_%c", base, which);
    return name;
}

/* A tensor of (rows, cols), or of as many of those as w has experts. */
static struct tr_tensor beside(const char *name, const struct tr_tensor *w, int64_t rows,
                               int64_t cols)
{
    int64_t dim[] = { w->dim[0], rows, cols };
    int is_one = w->n_dim == 2;
    return tr_tensor_make(name, &tr_f32, w->n_dim, dim + is_one, NULL);
}

int tr__lora_add_pair(struct tr_lora *l, const struct tr_model *base,
                      const struct tr_weight *w, int rank, struct tr_err *err)
{
    struct tr_lora_pair *p = &l->pair[l->n++];
    char *name_a = tensor_name(w->t.name, 'a'), *name_b = tensor_name(w->t.name, 'b');
    p->name = strdup(w->t.name);
    int64_t n_out = w->t.dim[w->t.n_dim - 2], n_in = w->t.dim[w->t.n_dim - 1];
    p->factor = 1;
    p->rank = rank;
    p->table = w->slot->table;
    p->tied = p->table && tr__is_tied(base);
    p->a = p->table ? beside(name_a, &w->t, n_out, rank) : beside(name_a, &w->t, rank, n_in);
    p->b = beside(name_b, &w->t, p->table ? n_in : n_out, rank);
    if (!p->name || !name_a || !name_b)
        return tr_err_set(err, TR_ENOMEM, "out of memory for the pair of '%s'", w->t.name);
    return 0;
}

void tr__lora_set_rank(struct tr_lora_pair *p, int rank)
{
    int64_t *a = p->a.dim, *b = p->b.dim;
    int last = p->a.n_dim - 1;
    a[p->table ? last : last - 1] = b[last] = p->rank = rank;
    p->a = tr_tensor_make(p->a.name, &tr_f32, p->a.n_dim, (int64_t[]){ a[0], a[1], a[2] }, NULL);
    p->b = tr_tensor_make(p->b.name, &tr_f32, p->b.n_dim, (int64_t[]){ b[0], b[1], b[2] }, NULL);
}

static void free_name(const char *name)
{
    free((void *)(uintptr_t)name);
}

static void release(struct tr_lora_pair *p)
{
    free(p->read_a);
    free(p->read_b);
    free(p->read_m);
    free(p->square);
    free(p->a0.data);
    free(p->b0.data);
    free_name(p->a0.name);
    free_name(p->b0.name);
    free_name(p->m.name);
    free_name(p->name);
    free_name(p->a.name);
    free_name(p->b.name);
}

int tr_lora_keep_last(struct tr_lora *l, const struct tr_model *base, int64_t n,
                      struct tr_err *err)
{
    int64_t n_layer = base->config.n_layer;
    size_t kept = 0, all = l->n;
    const char *middle;
    if (n < 1 || n > n_layer)
        return tr_err_set(err, TR_EINVAL, "the last %lld blocks of %lld", (long long)n,
                          (long long)n_layer);
    for (size_t i = 0; i < all; i++) {
        int64_t block = tr_gguf_block(l->pair[i].name, &middle);
        if (l->pair[i].table)
            return tr_err_set(err, TR_EINVAL, "'%s' lies beneath all blocks: it is not trained "
                              "with the last ones alone", l->pair[i].name);
        if (block < 0 || block >= n_layer - n)
            l->pair[kept++] = l->pair[i];
        else
            release(&l->pair[i]);
    }
    l->n = kept;
    return kept ? 0
                : tr_err_set(err, TR_EFORMAT, "no target lies in the last %lld of %lld blocks",
                             (long long)n, (long long)n_layer);
}

void tr_lora_free(struct tr_lora *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        release(&l->pair[i]);
    free(l->pair);
    free(l->base_name);
    free(l);
}

const struct tr_lora_pair *tr__lora_find(const struct tr_lora *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->pair[i].name, name))
            return &l->pair[i];
    return NULL;
}

int tr_lora_has(const struct tr_lora *l, const char *name)
{
    return tr__lora_find(l, name) != NULL;
}

float tr__lora_scale(const struct tr_lora *l, const struct tr_lora_pair *p, float user)
{
    return p->rows || l->alpha == 0 ? user : user * l->alpha / (float)p->rank * p->factor;
}
