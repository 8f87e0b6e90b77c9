/* SPDX-License-Identifier: MIT
 *
 * What each block of a model is, from the description of its architecture and the keys that
 * give a size for every block: heads, width of the MLP, window, rope.  decoder.c runs what
 * stands here.
 */
#include <libtrain/model/reader.h>

#include <math.h>
#include <stdlib.h>

enum { FULL, WINDOWED }; /* in tr_config.rope */

/* ---- rope ------------------------------------------------------------------------- */

/* What heads of blocks of a kind are turned by; keys of those with a window end in "_swa". */
static void read_rope(struct tr__reader *r, struct tr_config *c, int64_t head_dim,
                      int windowed)
{
    const struct tr_arch *a = r->arch;
    int64_t n_rot = tr__read_int(r, "rope.dimension_count", 2, 1 << 14, head_dim);
    float base = tr__read_positive(r, "rope.freq_base", 10000);
    if (windowed) {
        base = a->window_rope_base > 0 ? a->window_rope_base : base;
        base = tr__read_positive(r, "rope.freq_base_swa", base);
        n_rot = tr__read_int(r, "rope.dimension_count_swa", 2, 1 << 14,
                             n_rot < head_dim ? n_rot : head_dim);
    }
    c->rope[windowed] = (struct tr_rope){ .head_dim = (int)head_dim, .n_rot = (int)n_rot,
                                          .freq_base = base, .freq_scale = 1,
                                          .neox = a->rope == TR_ROPE_NEOX };
    if (!windowed || !a->window_rope_plain)
        tr__scaling_read(r, c, &c->scaling[windowed]);
    if (n_rot > head_dim)
        tr__read_reject(r, "rope turns more dimensions than a head has");
    if (n_rot % 2)
        tr__read_reject(r, "the number of dimensions that rope turns is odd");
}

/* Is block i one of those that turn queries and keys? */
static int has_rope(const struct tr_config *c, int64_t i, int any_window)
{
    if (c->arch->rope_where == TR_ROPE_NOT_EVERY_4TH)
        return (i + 1) % 4 != 0;
    return c->arch->rope_where == TR_ROPE_EVERYWHERE || !any_window ||
           c->layer[i].window > 0;
}

static void set_ropes(struct tr__reader *r, struct tr_config *c)
{
    int any_window = 0, any_rope = c->arch->rope != TR_ROPE_NONE;
    if (c->arch->keys & TR_KEYS_ROPE_SWITCH)
        any_rope = tr__read_bool(r, "rope.scaling.finetuned", 1);
    for (int64_t i = 0; i < c->n_layer; i++)
        any_window |= c->layer[i].window > 0;
    for (int64_t i = 0; any_rope && i < c->n_layer; i++) {
        struct tr_layer *l = &c->layer[i];
        int kind = l->window > 0 ? WINDOWED : FULL;
        if (!l->n_head || !has_rope(c, i, any_window))
            continue;
        if (!c->rope[kind].n_rot)
            read_rope(r, c, l->head_dim, kind);
        l->rope = &c->rope[kind];
    }
}

/* ---- sizes ------------------------------------------------------------------------ */

/* Window of every block: a pattern in the file goes before that of the architecture. */
static void set_windows(struct tr__reader *r, struct tr_config *c, int64_t *each)
{
    int64_t period = c->arch->window_period;
    if (!(c->arch->keys & TR_KEYS_WINDOW))
        return;
    int64_t window = tr__read_int(r, "attention.sliding_window", 0, INT64_MAX, 0);
    if (tr__read_is_array(r, "attention.sliding_window_pattern")) {
        tr__read_each(r, "attention.sliding_window_pattern", 0, 1, 0, c->n_layer, each);
    } else {
        period = tr__read_int(r, "attention.sliding_window_pattern", 0, INT64_MAX, period);
        for (int64_t i = 0; i < c->n_layer; i++)
            each[i] = period > 0 && i % period < period - 1;
    }
    for (int64_t i = 0; i < c->n_layer; i++)
        c->layer[i].window = each[i] ? window : 0;
}

/* Width of a head in blocks with a window or without. */
static int64_t read_head_dim(struct tr__reader *r, int64_t usual, int windowed)
{
    int64_t k = tr__read_int(r, "attention.key_length", 1, 1 << 14, usual);
    int64_t v = tr__read_int(r, "attention.value_length", 1, 1 << 14, k);
    if (windowed && r->arch->keys & TR_KEYS_WINDOW) {
        k = tr__read_int(r, "attention.key_length_swa", 1, 1 << 14, k);
        v = tr__read_int(r, "attention.value_length_swa", 1, 1 << 14, v);
    }
    if (k != v)
        tr__read_reject(r, "keys and values of different length are not supported");
    return k;
}

static const struct tr_mixer *mixer_of(const struct tr_arch *a, const struct tr_layer *l)
{
    if (a->mixer_alone && l->n_ff)
        return &tr__mixer_mlp;
    if (!l->n_head_kv)
        return a->without_kv;
    return a->with_kv ? a->with_kv : &tr__mixer_attention;
}

/* A block whose heads and MLP are known. */
static void set_mixer(struct tr__reader *r, const struct tr_config *c, struct tr_layer *l)
{
    l->mixer = mixer_of(c->arch, l);
    l->parts = l->mixer->part | (c->arch->mixer_alone ? 0 : TR_PART_MLP);
    if (!(l->parts & TR_PART_ATTENTION)) {
        l->n_head = l->n_head_kv = 0;
        return;
    }
    if (l->n_head % l->n_head_kv)
        tr__read_reject(r, "the number of key/value heads does not divide the number of "
                           "heads");
    l->head_dim = read_head_dim(r, c->n_embd % l->n_head ? -1 : c->n_embd / l->n_head,
                                l->window > 0);
}

/* Blocks with a state in place of keys and values: those a list says, or all but every
 * n-th. */
static void clear_recurrent(struct tr__reader *r, const struct tr_config *c, int64_t *kv)
{
    int64_t recurrent[TR__MAX_LAYER], n = c->n_layer + c->n_ahead;
    int64_t period = tr__read_int(r, "full_attention_interval", 1, INT64_MAX, 4);
    for (int64_t i = 0; i < n; i++)
        recurrent[i] = (i + 1) % period != 0;
    if (tr__read_has(r, "attention.recurrent_layers"))
        tr__read_each(r, "attention.recurrent_layers", 0, 1, -1, n, recurrent);
    for (int64_t i = 0; i < c->n_layer; i++)
        kv[i] = recurrent[i] ? 0 : kv[i];
}

static void set_heads(struct tr__reader *r, struct tr_config *c, int64_t *each)
{
    int64_t n = c->n_layer, least = c->arch->without_kv ? 0 : 1;
    tr__read_each(r, "attention.head_count", 1, 1 << 16, -1, n, each);
    for (int64_t i = 0; i < n; i++)
        c->layer[i].n_head = each[i];
    if (tr__read_has(r, "attention.head_count_kv"))
        tr__read_each(r, "attention.head_count_kv", least, 1 << 16, -1, n, each);
    if (c->arch->keys & TR_KEYS_RECURRENT)
        clear_recurrent(r, c, each);
    for (int64_t i = 0; i < n && !r->bad; i++) {
        c->layer[i].n_head_kv = each[i];
        set_mixer(r, c, &c->layer[i]);
        c->layer[i].kv_of = i;
        if (c->n_input > 0)
            c->layer[i].parts |= TR_PART_INPUT;
    }
}

/* The last of the first n blocks that is of the kind of l, or -1. */
static int64_t last_like(const struct tr_config *c, int64_t n, const struct tr_layer *l)
{
    while (n-- > 0)
        if ((c->layer[n].window > 0) == (l->window > 0))
            return n;
    return -1;
}

/* The last blocks may have no keys and values: they read those of the last block of their
 * kind that has. */
static void set_shared_kv(struct tr__reader *r, struct tr_config *c)
{
    int64_t n = c->n_layer, shared = 0;
    if (c->arch->keys & TR_KEYS_ACROSS)
        shared = tr__read_int(r, "attention.shared_kv_layers", 0, n - 1, 0);
    for (int64_t i = n - shared; i < n && !r->bad; i++) {
        struct tr_layer *l = &c->layer[i];
        int64_t of = last_like(c, n - shared, l);
        if (of < 0 || c->layer[of].n_head_kv != l->n_head_kv ||
            c->layer[of].head_dim != l->head_dim) {
            tr__read_reject(r, "no earlier block has keys and values for the last ones");
            return;
        }
        l->kv_of = of;
        l->parts &= ~(unsigned)TR_PART_KV;
        c->layer[of].gives_kv = 1;
    }
}

/* Where experts have a width of their own that of an MLP may be missing. */
static void set_ff(struct tr__reader *r, struct tr_config *c, int64_t *each)
{
    int alone = c->arch->mixer_alone;
    int64_t missing = c->arch->keys & TR_KEYS_EXPERT_FF && !alone ? 0 : -1;
    int64_t least = alone ? 0 : 1;
    tr__read_each(r, "feed_forward_length", least, 1 << 24, missing, c->n_layer, each);
    for (int64_t i = 0; i < c->n_layer; i++)
        c->layer[i].n_ff = each[i];
}

/* ---- experts ---------------------------------------------------------------------- */

/* By their numbers in a file.  A softmax over the chosen is one over all, divided by the sum
 * of what was chosen. */
static void read_gating(struct tr__reader *r, struct tr_experts *e)
{
    static const struct tr_gating *const by_number[] = { NULL, &tr_gating_softmax,
                                                         &tr_gating_sigmoid };
    int64_t n = tr__read_int(r, "expert_gating_func", 0, INT32_MAX, 0);
    if (n > 2)
        tr__read_refuse(r, "this way to score experts");
    else if (n)
        e->gating = by_number[n];
}

static void read_experts(struct tr__reader *r, struct tr_config *c)
{
    struct tr_experts *e = &c->experts;
    int may_lack = c->arch->tensor[TR_FFN_DOWN] != TR_NEVER;
    *e = c->arch->experts;
    e->n = tr__read_int(r, "expert_count", !may_lack, TR_MAX_EXPERT, may_lack ? 0 : -1);
    if (!e->n)
        return;
    e->n_used = tr__read_int(r, "expert_used_count", 1, e->n, -1);
    if (tr__read_int(r, "expert_group_count", 0, INT32_MAX, 0) > 1)
        tr__read_refuse(r, "choosing groups of experts");
    if (c->arch->keys & TR_KEYS_GATING)
        read_gating(r, e);
    if (c->arch->keys & TR_KEYS_EXPERT_WEIGHTS) {
        e->normalise = tr__read_bool(r, "expert_weights_norm", 0);
        e->scale = tr__read_number(r, "expert_weights_scale", 0);
    }
}

static void set_layer_experts(struct tr__reader *r, const struct tr_config *c,
                              struct tr_layer *l)
{
    unsigned keys = c->arch->keys;
    l->n_expert = c->experts.n;
    l->n_ff_expert = l->n_ff;
    l->parts |= TR_PART_EXPERTS;
    if (keys & TR_KEYS_EXPERT_FF)
        l->n_ff_expert = tr__read_int(r, "expert_feed_forward_length", 1, 1 << 24,
                                      l->n_ff ? l->n_ff / c->experts.n_used : -1);
    if (keys & TR_KEYS_SHARED)
        l->n_ff_shared = tr__read_int(r, "expert_shared_feed_forward_length", 0, 1 << 24,
                                      c->arch->tensor[TR_SHARED_GATE] ? l->n_ff : 0);
    if (keys & TR_KEYS_SHARED_COUNT)
        l->n_ff_shared = l->n_ff_expert * tr__read_int(r, "expert_shared_count", 0, 64, -1);
    if (l->n_ff_shared)
        l->parts |= TR_PART_SHARED;
    if (c->arch->experts_beside)
        return;
    l->parts &= ~(unsigned)TR_PART_MLP;
    l->n_ff = 0;
}

/* All blocks but some in front have them, if there are any; where an MLP is all of a block,
 * those with one. */
static void set_experts(struct tr__reader *r, struct tr_config *c)
{
    int64_t dense = c->n_layer;
    if (c->arch->keys & TR_KEYS_EXPERTS)
        read_experts(r, c);
    if (c->experts.n)
        dense = c->arch->keys & TR_KEYS_GATING
                    ? tr__read_int(r, "leading_dense_block_count", 0, c->n_layer, 0) : 0;
    for (int64_t i = 0; i < c->n_layer && !r->bad; i++) {
        struct tr_layer *l = &c->layer[i];
        if (c->arch->mixer_alone && !l->n_ff)
            continue;
        if (i >= dense)
            set_layer_experts(r, c, l);
        else if (!l->n_ff)
            tr__read_int(r, "feed_forward_length", 1, 1 << 24, -1);
        int64_t wide = l->n_ff > l->n_ff_expert ? l->n_ff : l->n_ff_expert;
        c->n_ff = wide > c->n_ff ? wide : c->n_ff;
    }
}

/* gemma's largest models: not by the head's width but by the model's share of it. */
static void set_attn_scale(struct tr_config *c)
{
    if (c->arch->wide_heads_layers && c->n_layer == c->arch->wide_heads_layers)
        c->attn_scale = 1 / sqrtf((float)c->n_embd / (float)c->layer[0].n_head);
}

void tr__layers_read(struct tr__reader *r, struct tr_config *c)
{
    int64_t each[TR__MAX_LAYER];
    if (r->bad)
        return;
    c->layer = calloc((size_t)c->n_layer, sizeof *c->layer);
    if (!c->layer) {
        r->bad = tr_err_set(r->err, TR_ENOMEM, "%s: out of memory for %lld blocks",
                            tr_gguf_path(r->g), (long long)c->n_layer);
        return;
    }
    set_windows(r, c, each);
    set_ff(r, c, each);
    set_heads(r, c, each);
    set_shared_kv(r, c);
    set_experts(r, c);
    if (r->bad)
        return;
    set_attn_scale(c);
    set_ropes(r, c);
}
