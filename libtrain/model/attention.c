/* SPDX-License-Identifier: MIT
 *
 * Attention as a mixer: q, k and v from three matrices or one, their norms, rope, rows of
 * the cache, the output matrix.  The arithmetic is in ops/attention.c.
 */
#include <libtrain/model/decoder.h>

#include <math.h>

struct qkv {
    struct tr_tensor *q;
    struct tr__kv kv; /* NULL where they are those of another block */
    struct tr_tensor *gate; /* of what attention gives; NULL: none */
};

static struct qkv project_qkv(const struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_layer *l = tr__layer(d);
    int64_t q = l->n_head * l->head_dim, kv = l->n_head_kv * l->head_dim;
    struct qkv p = { 0 };
    if (tr__tensor(d, TR_ATTN_QKV)) {
        struct tr_tensor *all = tr__project(d, x, TR_ATTN_QKV, TR_ATTN_QKV_BIAS, NULL);
        p.q = tr_columns(d->tp, all, 0, q);
        p.kv = (struct tr__kv){ tr_columns(d->tp, all, q, kv),
                                tr_columns(d->tp, all, q + kv, kv) };
        return p;
    }
    p.q = tr__project(d, x, TR_ATTN_Q, TR_ATTN_Q_BIAS, NULL);
    if (l->kv_of != d->layer)
        return p;
    p.kv.k = p.kv.v = tr__project(d, x, TR_ATTN_K, TR_ATTN_K_BIAS, NULL);
    if (tr__tensor(d, TR_ATTN_V)) /* else keys are values */
        p.kv.v = tr__project(d, x, TR_ATTN_V, TR_ATTN_V_BIAS, NULL);
    return p;
}

/* Query and gate of each head lie behind each other: heads become rows, of which they are
 * the columns. */
static void split_gate(const struct tr__decoder *d, struct qkv *p)
{
    int64_t n = tr_tensor_rows(p->q), head = tr__layer(d)->head_dim;
    int64_t heads = n * tr__layer(d)->n_head;
    struct tr_tensor *both = tr_reshape(d->tp, p->q, heads, 2 * head);
    p->q = tr_columns(d->tp, both, 0, head);
    p->gate = tr_sigmoid(d->tp, tr_columns(d->tp, both, head, head));
    p->gate = tr_reshape(d->tp, p->gate, n, tr__layer(d)->n_head * head);
}

/* Norms of queries and keys, each head by itself where the weight is as wide as a head.
 * Heads that became rows are side by side again in the result. */
static void norm_qk(const struct tr__decoder *d, struct qkv *p)
{
    p->q = tr__norm(d, p->q, TR_ATTN_Q_NORM, TR_N_SLOT);
    if (p->kv.k)
        p->kv.k = tr__norm(d, p->kv.k, TR_ATTN_K_NORM, TR_N_SLOT);
    if (p->gate)
        p->q = tr_reshape(d->tp, p->q, tr_tensor_rows(p->gate), tr_tensor_cols(p->gate));
}

/* A norm without a weight is over whole rows: each head becomes one. */
static void norm_v(const struct tr__decoder *d, struct qkv *p)
{
    const struct tr_layer *l = tr__layer(d);
    if (!d->m->arch->v_norm || !p->kv.v)
        return;
    int64_t n = tr_tensor_rows(p->kv.v);
    struct tr_tensor *v = tr_reshape(d->tp, p->kv.v, n * l->n_head_kv, l->head_dim);
    v = d->m->arch->norm(d->tp, v, NULL, NULL, d->m->config.norm_eps);
    p->kv.v = tr_reshape(d->tp, v, n, l->n_head_kv * l->head_dim);
}

static void turn(const struct tr__decoder *d, struct qkv *p)
{
    const struct tr_rope *rope = tr__layer(d)->rope;
    if (!rope)
        return;
    p->q = tr_rope(d->tp, p->q, d->batch->pos, rope);
    if (p->kv.k)
        p->kv.k = tr_rope(d->tp, p->kv.k, d->batch->pos, rope);
}

/* Rows of the cache before those of this batch; keys and values that blocks have from each
 * other, which a cache holds anyway. */
static void across(struct tr__decoder *d, struct tr__kv *kv)
{
    const struct tr_layer *l = tr__layer(d);
    struct tr__kv *given = &d->given[l->window > 0];
    int own = l->kv_of == d->layer;
    if (d->cache && own)
        tr__cache_append(d, kv);
    else if (d->cache)
        *kv = tr__cache_rows(d, l->kv_of);
    else if (!own)
        *kv = *given;
    else if (l->gives_kv)
        *kv = *given = (struct tr__kv){ tr_tape_share(d->tp, kv->k),
                                        tr_tape_share(d->tp, kv->v) };
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
        .grow = c->attn_grow,
        .grow_every = (int)c->attn_grow_every,
        .sinks = tr__tensor(d, TR_ATTN_SINKS),
        .window = l->window < INT32_MAX ? (int)l->window : 0,
        .bf16 = d->m->attention_bf16,
    };
    return tr_attention(d->tp, p.q, p.kv.k, p.kv.v, d->batch->pos, &opt);
}

static struct tr_tensor *attention(struct tr__decoder *d, struct tr_tensor *x,
                                   struct tr_tensor *add)
{
    struct qkv p = project_qkv(d, x);
    int late = d->m->arch->qk_norm_late;
    if (d->m->arch->attn_gate)
        split_gate(d, &p);
    if (!late)
        norm_qk(d, &p);
    turn(d, &p);
    if (late)
        norm_qk(d, &p);
    norm_v(d, &p);
    across(d, &p.kv);
    struct tr_tensor *y = attend(d, p);
    if (p.gate)
        y = tr_mul(d->tp, y, p.gate);
    return tr__project(d, y, TR_ATTN_OUT, TR_ATTN_OUT_BIAS, add);
}

const struct tr_mixer tr__mixer_attention = {
    .name = "attention",
    .part = TR_PART_ATTENTION | TR_PART_KV,
    .run = attention,
};
