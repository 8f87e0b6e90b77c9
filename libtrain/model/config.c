/* SPDX-License-Identifier: MIT
 *
 * Hyper-parameters of the whole model from the metadata, and the list of architectures.
 * Next: layers.c, what each block is; keys.c, all keys that an architecture may have.
 */
#include <libtrain/model/reader.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const struct tr_arch *const archs[] = {
#define TR_ARCH(name) &tr__arch_##name,
#include <libtrain/model/archs/archs.def>
#undef TR_ARCH
};

const struct tr_arch *tr__arch_at(size_t i)
{
    return i < sizeof archs / sizeof *archs ? archs[i] : NULL;
}

const struct tr_arch *tr__arch_find(struct tr_str name)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (tr_str_is(name, archs[i]->name))
            return archs[i];
    return NULL;
}

/* A factor of 0 in a file says that there is none. */
static float read_factor(struct tr__reader *r, const char *suffix)
{
    if (r->arch->scales_must)
        return tr__read_positive(r, suffix, -1);
    float v = tr__read_number(r, suffix, 1);
    return v == 0 ? 1 : v;
}

static float read_cap(struct tr__reader *r, const char *suffix)
{
    float v = tr__read_number(r, suffix, 0);
    if (v < 0)
        tr__read_reject(r, "a soft cap is below 0");
    return v;
}

static void read_scales(struct tr__reader *r, struct tr_config *c)
{
    const struct tr_arch *arch = c->arch;
    c->embd_scale = arch->embd_scale_sqrt ? sqrtf((float)c->n_embd) : 1;
    c->residual_scale = c->logit_scale = 1;
    c->attn_scale = arch->attn_scale;
    if (arch->keys & TR_KEYS_SCALES) {
        c->embd_scale *= read_factor(r, "embedding_scale");
        c->residual_scale = read_factor(r, "residual_scale");
        c->attn_scale = tr__read_number(r, "attention.scale", arch->attn_scale);
        c->logit_scale = read_factor(r, "logit_scale");
        if (arch->logits_divided)
            c->logit_scale = 1 / c->logit_scale;
    }
    if (arch->keys & TR_KEYS_CAPS) {
        c->attn_soft_cap = read_cap(r, "attn_logit_softcapping");
        c->logit_soft_cap = read_cap(r, "final_logit_softcapping");
    }
    if (arch->keys & TR_KEYS_GROW)
        c->attn_grow = tr__read_number(r, "attention.temperature_scale", 0);
    if (c->attn_grow != 0)
        c->attn_grow_every = tr__read_int(r, "rope.scaling.original_context_length", 1,
                                          INT_MAX, c->n_ctx);
}

static void read_ssm(struct tr__reader *r, struct tr_config *c)
{
    struct tr_ssm *s = &c->ssm;
    c->conv_taps = tr__read_int(r, "ssm.conv_kernel", 1, TR_CONV_TAPS, -1);
    s->state_size = tr__read_int(r, "ssm.state_size", 1, 1 << 14, -1);
    s->group_count = tr__read_int(r, "ssm.group_count", 1, 1 << 14, -1);
    s->time_step_rank = tr__read_int(r, "ssm.time_step_rank", 1, 1 << 14, -1);
    s->inner_size = tr__read_int(r, "ssm.inner_size", 1, 1 << 20, -1);
    if (!r->bad && s->time_step_rank % s->group_count)
        tr__read_reject(r, "'ssm.group_count' does not divide 'ssm.time_step_rank'");
    if (!r->bad && s->inner_size % s->time_step_rank)
        tr__read_reject(r, "'ssm.time_step_rank' does not divide 'ssm.inner_size'");
}

/* Blocks that guess further tokens ahead are counted too, the last ones. */
static void read_n_layer(struct tr__reader *r, struct tr_config *c)
{
    c->n_layer = tr__read_int(r, "block_count", 1, TR__MAX_LAYER, -1);
    if (c->arch->keys & TR_KEYS_AHEAD)
        c->n_ahead = tr__read_int(r, "nextn_predict_layers", 0, c->n_layer - 1, 0);
    c->n_layer -= c->n_ahead;
}

static const char *eps_key(struct tr__reader *r)
{
    const struct tr_arch *a = r->arch;
    return a->eps_key_else && !tr__read_has(r, a->eps_key) ? a->eps_key_else : a->eps_key;
}

int tr__config_read(const struct tr_gguf *g, const struct tr_arch *arch, int64_t n_vocab,
                    struct tr_config *c, struct tr_err *err)
{
    struct tr__reader r = { .g = g, .arch = arch, .err = err };
    *c = (struct tr_config){ .arch = arch, .n_vocab = n_vocab };
    c->n_ctx = tr__read_int(&r, "context_length", 1, INT_MAX, -1);
    c->n_embd = tr__read_int(&r, "embedding_length", 1, 1 << 20, -1);
    read_n_layer(&r, c);
    c->norm_eps = tr__read_positive(&r, eps_key(&r), -1);
    c->parallel = arch->parallel;
    if (arch->keys & TR_KEYS_PARALLEL)
        c->parallel = tr__read_bool(&r, "use_parallel_residual", arch->parallel);
    if (arch->keys & TR_KEYS_SHORTCONV)
        c->conv_taps = tr__read_int(&r, "shortconv.l_cache", 1, TR_CONV_TAPS, -1);
    if (arch->keys & TR_KEYS_SSM)
        read_ssm(&r, c);
    if (n_vocab > INT_MAX)
        tr__read_reject(&r, "too many rows in 'token_embd.weight'");
    if (arch->keys & TR_KEYS_ACROSS)
        c->n_input = tr__read_int(&r, "embedding_length_per_layer_input", 0, 1 << 16, 0);
    read_scales(&r, c);
    tr__layers_read(&r, c);
    return r.bad;
}

void tr__config_free(struct tr_config *c)
{
    free(c->layer);
    c->layer = NULL;
}
