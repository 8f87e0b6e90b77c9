/* SPDX-License-Identifier: MIT
 *
 * The attention of a block, from its normed rows to its heads' results: q, k and v from
 * three matrices or one, rope, rows of the cache.  The arithmetic is in ops/attention.c.
 */
#include <libtrain/model/decoder.h>

#include <math.h>

struct qkv {
    struct tr_tensor *q, *k, *v;
};

static struct qkv project_qkv(const struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_config *c = &d->m->config;
    int64_t q = c->n_head * c->head_dim, kv = c->n_head_kv * c->head_dim;
    if (!tr__tensor(d, TR_ATTN_QKV))
        return (struct qkv){ tr__project(d, x, TR_ATTN_Q, TR_ATTN_Q_BIAS, NULL),
                             tr__project(d, x, TR_ATTN_K, TR_ATTN_K_BIAS, NULL),
                             tr__project(d, x, TR_ATTN_V, TR_ATTN_V_BIAS, NULL) };
    struct tr_tensor *all = tr__project(d, x, TR_ATTN_QKV, TR_ATTN_QKV_BIAS, NULL);
    return (struct qkv){ tr_columns(d->tp, all, 0, q), tr_columns(d->tp, all, q, kv),
                         tr_columns(d->tp, all, q + kv, kv) };
}

struct tr_tensor *tr__attend(struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_config *c = &d->m->config;
    struct qkv p = project_qkv(d, x);
    if (c->rope.n_rot) {
        p.q = tr_rope(d->tp, p.q, d->batch->pos, &c->rope);
        p.k = tr_rope(d->tp, p.k, d->batch->pos, &c->rope);
    }
    if (d->cache)
        tr__cache_append(d, &p.k, &p.v);
    return tr_attention(d->tp, p.q, p.k, p.v, d->batch->pos,
                        &(struct tr_attention){ .n_head = (int)c->n_head,
                                                .n_head_kv = (int)c->n_head_kv,
                                                .head_dim = (int)c->head_dim,
                                                .scale = 1 / sqrtf((float)c->head_dim),
                                                .bf16 = d->m->attention_bf16 });
}
