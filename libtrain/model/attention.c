/* SPDX-License-Identifier: MIT
 *
 * Attention as a mixer: q, k and v from three matrices or one, their norms, rope, rows of
 * the cache, the output matrix.  The arithmetic is in ops/attention.c.
 */
#include <libtrain/model/decoder.h>

#include <math.h>

struct qkv {
    struct tr_tensor *q, *k, *v;
};

static struct qkv project_qkv(const struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_layer *l = tr__layer(d);
    int64_t q = l->n_head * l->head_dim, kv = l->n_head_kv * l->head_dim;
    if (!tr__tensor(d, TR_ATTN_QKV))
        return (struct qkv){ tr__project(d, x, TR_ATTN_Q, TR_ATTN_Q_BIAS, NULL),
                             tr__project(d, x, TR_ATTN_K, TR_ATTN_K_BIAS, NULL),
                             tr__project(d, x, TR_ATTN_V, TR_ATTN_V_BIAS, NULL) };
    struct tr_tensor *all = tr__project(d, x, TR_ATTN_QKV, TR_ATTN_QKV_BIAS, NULL);
    return (struct qkv){ tr_columns(d->tp, all, 0, q), tr_columns(d->tp, all, q, kv),
                         tr_columns(d->tp, all, q + kv, kv) };
}

/* Norms of queries and keys, each head by itself where the weight is as wide as a head. */
static void norm_qk(const struct tr__decoder *d, struct qkv *p)
{
    p->q = tr__norm(d, p->q, TR_ATTN_Q_NORM, TR_N_SLOT);
    p->k = tr__norm(d, p->k, TR_ATTN_K_NORM, TR_N_SLOT);
}

static void turn(const struct tr__decoder *d, struct qkv *p)
{
    const struct tr_rope *rope = tr__layer(d)->rope;
    if (!rope)
        return;
    p->q = tr_rope(d->tp, p->q, d->batch->pos, rope);
    p->k = tr_rope(d->tp, p->k, d->batch->pos, rope);
}

static struct tr_tensor *attend(struct tr__decoder *d, struct qkv p)
{
    const struct tr_config *c = &d->m->config;
    const struct tr_layer *l = tr__layer(d);
    struct tr_attention opt = {
        .n_head = (int)l->n_head,
        .n_head_kv = (int)l->n_head_kv,
        .head_dim = (int)l->head_dim,
        .scale = c->attn_scale > 0 ? c->attn_scale : 1 / sqrtf((float)l->head_dim),
        .soft_cap = c->attn_soft_cap,
        .window = l->window < INT32_MAX ? (int)l->window : 0,
        .bf16 = d->m->attention_bf16,
    };
    return tr_attention(d->tp, p.q, p.k, p.v, d->batch->pos, &opt);
}

static struct tr_tensor *attention(struct tr__decoder *d, struct tr_tensor *x,
                                   struct tr_tensor *add)
{
    struct qkv p = project_qkv(d, x);
    int late = d->m->arch->qk_norm_late;
    if (!late)
        norm_qk(d, &p);
    turn(d, &p);
    if (late)
        norm_qk(d, &p);
    if (d->cache)
        tr__cache_append(d, &p.k, &p.v);
    return tr__project(d, attend(d, p), TR_ATTN_OUT, TR_ATTN_OUT_BIAS, add);
}

const struct tr_mixer tr__mixer_attention = {
    .name = "attention",
    .part = TR_PART_ATTENTION,
    .run = attention,
};
