/* SPDX-License-Identifier: MIT
 *
 * Keys and values of the rows seen so far, a block of memory a layer, so that a further
 * token costs one row of products and not the whole text again.
 */
#include <libtrain/model/decoder.h>

#include <stdlib.h>
#include <string.h>

struct tr_cache *tr_cache_new(const struct tr_model *m, int64_t n_ctx, struct tr_err *err)
{
    const struct tr_config *c = &m->config;
    struct tr_cache *cache = calloc(1, sizeof *cache);
    if (cache) {
        cache->capacity = n_ctx;
        cache->width = c->n_head_kv * c->head_dim;
        cache->kv = calloc((size_t)(2 * c->n_layer * n_ctx),
                           (size_t)cache->width * sizeof *cache->kv);
    }
    if (!cache || !cache->kv) {
        free(cache);
        tr_err_set(err, TR_ENOMEM, "%s: out of memory for the keys and values of %lld "
                   "positions", tr_gguf_path(m->g), (long long)n_ctx);
        return NULL;
    }
    return cache;
}

void tr_cache_free(struct tr_cache *c)
{
    if (c)
        free(c->kv);
    free(c);
}

int64_t tr_cache_used(const struct tr_cache *c)
{
    return c->used;
}

void tr_cache_cut(struct tr_cache *c, int64_t used)
{
    if (used < c->used)
        c->used = used;
}

/* Rows behind those of earlier calls; *all describes the old and the new. */
static struct tr_tensor *append_rows(const struct tr__decoder *d,
                                     const struct tr_tensor *rows, int64_t which,
                                     struct tr_tensor *all)
{
    const struct tr_cache *c = d->cache;
    float *base = c->kv + (2 * d->layer + which) * c->capacity * c->width;
    int64_t n = tr_tensor_rows(rows);
    for (int64_t i = 0; rows->data && i < n; i++)
        memcpy(base + (c->used + i) * c->width, (const float *)rows->data + i * rows->ld,
               (size_t)c->width * sizeof *base);
    *all = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ c->used + n, c->width }, base);
    return all;
}

void tr__cache_append(struct tr__decoder *d, struct tr_tensor **k, struct tr_tensor **v)
{
    *k = append_rows(d, *k, 0, &d->cached[0]);
    *v = append_rows(d, *v, 1, &d->cached[1]);
}
