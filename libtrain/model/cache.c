/* SPDX-License-Identifier: MIT
 *
 * What is kept of the rows seen so far, so that a further token costs one row of products
 * and not the whole text again: keys and values of every layer, of one with a window only
 * the last ones, and the state of a mixer that carries one.
 */
#include <libtrain/model/decoder.h>

#include <stdlib.h>
#include <string.h>

/* Rows of a layer that a later one may look at. */
static int64_t kept_rows(const struct tr_layer *l, int64_t n_ctx)
{
    return l->window > 0 && l->window - 1 < n_ctx ? l->window - 1 : n_ctx;
}

/* Room for the rows that are kept and those that are fed at once. */
static int64_t rows_of(const struct tr_layer *l, int64_t n_ctx)
{
    int64_t kept = kept_rows(l, n_ctx);
    return kept < n_ctx - TR__EXTEND_ROWS ? kept + TR__EXTEND_ROWS : n_ctx;
}

static int make_layer(struct tr__layer_cache *c, const struct tr_config *config,
                      const struct tr_layer *l, int64_t n_ctx)
{
    c->width = l->parts & TR_PART_KV ? l->n_head_kv * l->head_dim : 0;
    c->capacity = c->width ? rows_of(l, n_ctx) : 0;
    c->kept = kept_rows(l, n_ctx);
    c->n_state = l->mixer->state ? l->mixer->state(config, l) : 0;
    c->k = calloc((size_t)(2 * c->capacity) + 1, (size_t)(c->width + 1) * sizeof *c->k);
    c->state = calloc((size_t)c->n_state + 1, sizeof *c->state);
    c->v = c->k ? c->k + c->capacity * c->width : NULL;
    return c->k && c->state;
}

struct tr_cache *tr_cache_new(const struct tr_model *m, int64_t n_ctx, struct tr_err *err)
{
    const struct tr_config *config = &m->config;
    struct tr_cache *c = calloc(1, sizeof *c);
    int made = c && (c->layer = calloc((size_t)config->n_layer, sizeof *c->layer));
    if (made) {
        c->capacity = n_ctx;
        c->n_layer = config->n_layer;
    }
    for (int64_t i = 0; made && i < config->n_layer; i++)
        made = make_layer(&c->layer[i], config, &config->layer[i], n_ctx);
    if (made)
        return c;
    tr_cache_free(c);
    tr_err_set(err, TR_ENOMEM, "%s: out of memory for the keys and values of %lld positions",
               tr_gguf_path(m->g), (long long)n_ctx);
    return NULL;
}

void tr_cache_free(struct tr_cache *c)
{
    for (int64_t i = 0; c && i < c->n_layer; i++) {
        free(c->layer[i].k);
        free(c->layer[i].state);
    }
    if (c)
        free(c->layer);
    free(c);
}

int64_t tr_cache_used(const struct tr_cache *c)
{
    return c->used;
}

int64_t tr_cache_bytes(const struct tr_cache *c)
{
    int64_t numbers = 0;
    for (int64_t i = 0; i < c->n_layer; i++)
        numbers += 2 * c->layer[i].capacity * c->layer[i].width + c->layer[i].n_state;
    return numbers * (int64_t)sizeof(float);
}

static void forget_all(struct tr_cache *c)
{
    c->used = 0;
    for (int64_t i = 0; i < c->n_layer; i++) {
        c->layer[i].n = 0;
        memset(c->layer[i].state, 0, (size_t)c->layer[i].n_state * sizeof(float));
    }
}

/* Would all be there that a row behind the first `used` looks at? */
static int can_cut(const struct tr_cache *c, int64_t used)
{
    int64_t gone = c->used - used;
    for (int64_t i = 0; i < c->n_layer; i++) {
        const struct tr__layer_cache *l = &c->layer[i];
        if (l->n_state || (l->width && l->n - gone < (used < l->kept ? used : l->kept)))
            return 0;
    }
    return 1;
}

int64_t tr_cache_cut(struct tr_cache *c, int64_t used)
{
    if (used >= c->used)
        return c->used;
    if (used <= 0 || !can_cut(c, used)) {
        forget_all(c);
        return 0;
    }
    for (int64_t i = 0; i < c->n_layer; i++)
        c->layer[i].n -= c->layer[i].width ? c->used - used : 0;
    return c->used = used;
}

void tr__cache_commit(struct tr_cache *c, int64_t n)
{
    c->used += n;
    for (int64_t i = 0; i < c->n_layer; i++)
        c->layer[i].n += c->layer[i].width ? n : 0;
}

/* Rows that no later one sees make room for n new ones. */
static void make_room(struct tr__layer_cache *c, int64_t n)
{
    if (c->n + n <= c->capacity)
        return;
    int64_t first = c->n - c->kept;
    size_t bytes = (size_t)(c->kept * c->width) * sizeof *c->k;
    memmove(c->k, c->k + first * c->width, bytes);
    memmove(c->v, c->v + first * c->width, bytes);
    c->n = c->kept;
}

/* The new rows behind the old ones, at `base`. */
static void append_rows(const struct tr__layer_cache *c, const struct tr_tensor *rows,
                        float *base)
{
    int64_t n = tr_tensor_rows(rows);
    for (int64_t i = 0; rows->data && i < n; i++)
        memcpy(base + (c->n + i) * c->width, (const float *)rows->data + i * rows->ld,
               (size_t)c->width * sizeof *base);
}

void tr__cache_append(struct tr__decoder *d, struct tr__kv *kv)
{
    struct tr__layer_cache *c = &d->cache->layer[d->layer];
    make_room(c, tr_tensor_rows(kv->k));
    append_rows(c, kv->k, c->k);
    append_rows(c, kv->v, c->v);
    *kv = tr__cache_rows(d, d->layer);
}

struct tr__kv tr__cache_rows(struct tr__decoder *d, int64_t layer)
{
    const struct tr__layer_cache *c = &d->cache->layer[layer];
    int64_t dim[] = { c->n + d->batch->n, c->width };
    d->cached[0] = tr_tensor_make(NULL, &tr_f32, 2, dim, c->k);
    d->cached[1] = tr_tensor_make(NULL, &tr_f32, 2, dim, c->v);
    return (struct tr__kv){ &d->cached[0], &d->cached[1] };
}
