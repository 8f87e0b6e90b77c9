/* SPDX-License-Identifier: MIT
 *
 * The decoder that every architecture runs through: token (and position) table, blocks of
 * attention and MLP on a residual stream, a last norm, and the output projection fused with
 * the loss.  Each block is a segment of the tape.
 */
#include <libtrain/model/model.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct run {
    struct tr_model *m;
    struct tr_tape *tp;
    const struct tr_batch *batch;
    struct tr_cache *cache; /* NULL unless generating */
    struct tr_tensor cached[2]; /* keys and values of the present layer */
    int64_t layer;
};

/* The tensor in a slot, or NULL where the model has none. */
static struct tr_tensor *tensor(const struct run *r, enum tr_slot_id id)
{
    struct tr_weight *w = tr__weight(r->m, r->layer, id);
    return w->t.data ? &w->t : NULL;
}

static struct tr_tensor *norm(const struct run *r, struct tr_tensor *x, enum tr_slot_id w,
                              enum tr_slot_id b)
{
    return r->m->arch->norm(r->tp, x, tensor(r, w), tensor(r, b), r->m->config.norm_eps);
}

/* x w^T + bias + add, and what the adapters add: scale * (x a^T) b^T each. */
static struct tr_tensor *project(const struct run *r, struct tr_tensor *x,
                                 enum tr_slot_id id, enum tr_slot_id bias,
                                 struct tr_tensor *add)
{
    struct tr_weight *w = tr__weight(r->m, r->layer, id);
    struct tr_tensor *b = bias == TR_N_SLOT ? NULL : tensor(r, bias);
    struct tr_tensor *y =
        tr_linear(r->tp, x, &w->t, &(struct tr_linear){ .bias = b, .add = add });
    for (const struct tr_delta *d = w->delta; d; d = d->next) {
        struct tr_tensor *u = tr_linear(r->tp, x, d->a, NULL);
        y = tr_linear(r->tp, u, d->b,
                      &(struct tr_linear){ .add = y, .in_place = 1, .scale = d->scale });
    }
    return y;
}

struct qkv {
    struct tr_tensor *q, *k, *v;
};

static struct qkv project_qkv(const struct run *r, struct tr_tensor *x)
{
    const struct tr_config *c = &r->m->config;
    int64_t q = c->n_head * c->head_dim, kv = c->n_head_kv * c->head_dim;
    if (!tensor(r, TR_ATTN_QKV))
        return (struct qkv){ project(r, x, TR_ATTN_Q, TR_ATTN_Q_BIAS, NULL),
                             project(r, x, TR_ATTN_K, TR_ATTN_K_BIAS, NULL),
                             project(r, x, TR_ATTN_V, TR_ATTN_V_BIAS, NULL) };
    struct tr_tensor *all = project(r, x, TR_ATTN_QKV, TR_ATTN_QKV_BIAS, NULL);
    return (struct qkv){ tr_columns(r->tp, all, 0, q), tr_columns(r->tp, all, q, kv),
                         tr_columns(r->tp, all, q + kv, kv) };
}

static void cache_append(struct run *r, struct qkv *p);

static struct tr_tensor *attention(struct run *r, struct tr_tensor *x)
{
    const struct tr_config *c = &r->m->config;
    struct qkv p = project_qkv(r, x);
    if (c->rope.n_rot) {
        p.q = tr_rope(r->tp, p.q, r->batch->pos, &c->rope);
        p.k = tr_rope(r->tp, p.k, r->batch->pos, &c->rope);
    }
    if (r->cache)
        cache_append(r, &p);
    return tr_attention(r->tp, p.q, p.k, p.v, r->batch->pos,
                        &(struct tr_attention){ .n_head = (int)c->n_head,
                                                .n_head_kv = (int)c->n_head_kv,
                                                .head_dim = (int)c->head_dim,
                                                .scale = 1 / sqrtf((float)c->head_dim),
                                                .bf16 = r->m->attention_bf16 });
}

static struct tr_tensor *mlp(const struct run *r, struct tr_tensor *x)
{
    struct tr_tensor *gate = NULL;
    if (tensor(r, TR_FFN_GATE))
        gate = project(r, x, TR_FFN_GATE, TR_N_SLOT, NULL);
    struct tr_tensor *up = project(r, x, TR_FFN_UP, TR_FFN_UP_BIAS, NULL);
    return r->m->arch->activation(r->tp, gate, up);
}

static struct tr_tensor *block(struct run *r, struct tr_tensor *x)
{
    tr_segment_begin(r->tp);
    struct tr_tensor *h = norm(r, x, TR_ATTN_NORM, TR_ATTN_NORM_BIAS);
    x = project(r, attention(r, h), TR_ATTN_OUT, TR_ATTN_OUT_BIAS, x);
    h = norm(r, x, TR_FFN_NORM, TR_FFN_NORM_BIAS);
    x = project(r, mlp(r, h), TR_FFN_DOWN, TR_FFN_DOWN_BIAS, x);
    return tr_segment_end(r->tp, x);
}

static struct tr_tensor *blocks(struct run *r)
{
    tr_segment_begin(r->tp);
    struct tr_tensor *x =
        tr_embedding(r->tp, tensor(r, TR_TOKEN_EMBD), r->batch->token,
                     tensor(r, TR_POSITION_EMBD), r->batch->pos, r->batch->n, 1);
    x = tr_segment_end(r->tp, x);
    for (r->layer = 0; r->layer < r->m->config.n_layer; r->layer++)
        x = block(r, x);
    return x;
}

static struct tr_tensor *head(struct run *r, struct tr_tensor *x, const int32_t *target,
                              const struct tr_loss *loss)
{
    struct tr_tensor *table = tensor(r, TR_OUTPUT);
    if (!table) /* tied */
        table = tensor(r, TR_TOKEN_EMBD);
    tr_segment_begin(r->tp);
    x = norm(r, x, TR_OUTPUT_NORM, TR_OUTPUT_NORM_BIAS);
    return tr_segment_end(r->tp, tr_output_loss(r->tp, x, table, target, loss));
}

struct tr_tensor *tr_model_loss(struct tr_model *m, struct tr_tape *tp,
                                const struct tr_batch *batch, const struct tr_loss *loss)
{
    struct run r = { .m = m, .tp = tp, .batch = batch };
    return head(&r, blocks(&r), batch->target, loss);
}

/* ---- generating ------------------------------------------------------------------- */

struct tr_cache {
    int64_t capacity, used, width;
    float *kv; // (n_layer, 2, capacity, width)
};

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
        tr_err_set(err, TR_ENOMEM, "out of memory for %lld positions", (long long)n_ctx);
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

/* Store the new rows behind the old ones; *all describes the old and the new. */
static struct tr_tensor *append_rows(const struct run *r, const struct tr_tensor *rows,
                                     int64_t which, struct tr_tensor *all)
{
    const struct tr_cache *c = r->cache;
    float *base = c->kv + (2 * r->layer + which) * c->capacity * c->width;
    int64_t n = tr_tensor_rows(rows);
    for (int64_t i = 0; rows->data && i < n; i++)
        memcpy(base + (c->used + i) * c->width, (const float *)rows->data + i * rows->ld,
               (size_t)c->width * sizeof *base);
    *all = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ c->used + n, c->width }, base);
    return all;
}

static void cache_append(struct run *r, struct qkv *p)
{
    p->k = append_rows(r, p->k, 0, &r->cached[0]);
    p->v = append_rows(r, p->v, 1, &r->cached[1]);
}

int tr_model_extend(struct tr_model *m, struct tr_tape *tp, struct tr_cache *cache,
                    const int32_t *token, int64_t n, float *logits, struct tr_err *err)
{
    if (n > cache->capacity - cache->used)
        return tr_err_set(err, TR_EMISMATCH, "%lld tokens behind %lld do not fit a cache of "
                          "%lld positions", (long long)n, (long long)cache->used,
                          (long long)cache->capacity);
    int32_t *pos = malloc((size_t)n * 2 * sizeof *pos);
    if (!pos)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    int32_t *target = pos + n;
    for (int64_t i = 0; i < n; i++) {
        pos[i] = (int32_t)(cache->used + i);
        target[i] = -1;
    }
    struct tr_batch batch = { n, token, target, pos };
    struct run r = { .m = m, .tp = tp, .batch = &batch, .cache = cache };
    tr_tape_reset(tp);
    struct tr_tensor *x = blocks(&r);
    cache->used += n;
    /* only the last row's logits are wanted */
    struct tr_tensor last = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ 1, x->ld },
                                           x->data ? (float *)x->data + (n - 1) * x->ld
                                                   : NULL);
    target[0] = 0;
    head(&r, &last, target, &(struct tr_loss){ .scale = 1, .logits = logits });
    free(pos);
    return 0;
}
