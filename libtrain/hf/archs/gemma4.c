/* SPDX-License-Identifier: MIT
 *
 * Gemma 4: blocks with a window have heads of another size and another rope; others turn only the
 * first pairs of theirs, which GGUF says by factors so large that nothing turns.  Keys, values
 * and inputs may be shared between blocks.
 */
#include <libtrain/hf/archs/archs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number of the blocks without a window: by its own name, or from what is said of the
 * first such block. */
static const struct tr_json *full(const struct tr_json *c, const char *global,
                                  const char *field)
{
    size_t n;
    const struct tr_json *v = tr_json_get(c, global), *types = tr_json_get(c, "layer_types");
    if (v)
        return v;
    struct tr_json_each e = tr_json_each(tr_json_get(c, "per_layer_config"));
    while (tr_json_next(&e)) {
        size_t i = (size_t)strtoul(e.key, NULL, 10);
        if (i < tr_json_count(types) && tr_json_get(e.value, field) &&
            strcmp(tr_json_string(tr_json_at(types, i), &n), "full_attention") == 0)
            return tr_json_get(e.value, field);
    }
    return NULL;
}

static int64_t full_head(const struct tr__hf_in *in)
{
    const struct tr_json *v = full(in->config, "global_head_dim", "head_dim");
    return v ? tr_json_int(v) : in->size->head_dim;
}

static void set_u32(const struct tr__hf_in *in, const char *key, int64_t v)
{
    char name[96];
    tr__hf_key_name(name, sizeof name, in->arch, key);
    tr_gguf_set_u32(in->w, name, (uint32_t)v);
}

/* MLPs of blocks that use the keys of others may be twice as wide. */
static int set_ff(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    int64_t ff = tr_json_int(tr_json_get(in->config, "intermediate_size"));
    int64_t own = in->size->n_layer -
                  tr_json_int(tr_json_get(in->config, "num_kv_shared_layers"));
    (void)k;
    if (!tr_json_bool(tr_json_get(in->config, "use_double_wide_mlp"))) {
        set_u32(in, "feed_forward_length", ff);
        return 0;
    }
    int32_t *v = calloc((size_t)in->size->n_layer + 1, sizeof *v);
    if (!v)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (int64_t i = 0; i < in->size->n_layer; i++)
        v[i] = (int32_t)(i < own ? ff : 2 * ff);
    tr_gguf_set_array(in->w, "gemma4.feed_forward_length", TR_GGUF_I32, v,
                      (uint64_t)in->size->n_layer);
    free(v);
    return 0;
}

static int get_ff(const struct tr__hf_out *out, const struct tr__hf_key *k,
                  struct tr_err *err)
{
    int64_t ff = 0;
    const struct tr_gguf_kv *kv;
    (void)k;
    int many = tr_gguf_ints(out->g, "gemma4.feed_forward_length", &kv, NULL) == 1;
    if (!many && tr_gguf_int(out->g, "gemma4.feed_forward_length", &ff, err) < 0)
        return TR_EFORMAT;
    int wide = many && kv->count &&
               tr_gguf_elem_int(kv, kv->count - 1) != tr_gguf_elem_int(kv, 0);
    ff = many && kv->count ? tr_gguf_elem_int(kv, 0) : ff;
    int rc = tr__hf_put(out->config, "intermediate_size", tr_json_integer(ff), err);
    return rc ? rc
              : tr__hf_put(out->config, "use_double_wide_mlp", tr_json_truth(wide), err);
}

static int set_kv(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    const struct tr_json *n = full(in->config, "num_global_key_value_heads",
                                   "num_key_value_heads");
    (void)k;
    if (n)
        return tr__hf_set_by_layer(in, "attention.head_count_kv", "layer_types",
                                   "sliding_attention", (int32_t)in->size->n_head_kv,
                                   (int32_t)tr_json_int(n), err);
    set_u32(in, "attention.head_count_kv", in->size->n_head_kv);
    return 0;
}

/* Those of blocks with a window, and of the others. */
static int get_kv(const struct tr__hf_out *out, const struct tr__hf_key *k,
                  struct tr_err *err)
{
    const struct tr_gguf_kv *kv, *is;
    int64_t n[2] = { out->size->n_head_kv, 0 };
    (void)k;
    if (tr_gguf_ints(out->g, "gemma4.attention.head_count_kv", &kv, NULL) == 1 &&
        tr_gguf_array(out->g, "gemma4.attention.sliding_window_pattern", TR_GGUF_BOOL, &is,
                      err) == 1)
        for (uint64_t i = 0; i < kv->count && i < is->count; i++)
            n[!tr_gguf_elem_int(is, i)] = tr_gguf_elem_int(kv, i);
    int rc = tr__hf_put(out->config, "num_key_value_heads", tr_json_integer(n[0]), err);
    return rc || !n[1] || n[1] == n[0]
               ? rc
               : tr__hf_put(out->config, "num_global_key_value_heads",
                            tr_json_integer(n[1]), err);
}

static int set_heads(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k, (void)err;
    set_u32(in, "attention.key_length", full_head(in));
    set_u32(in, "attention.value_length", full_head(in));
    return 0;
}

/* transformers takes what is said of each block by itself. */
static int get_heads(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    int64_t wide = 0, narrow = 0;
    (void)k;
    if (tr_gguf_int(out->g, "gemma4.attention.key_length", &wide, err) < 0 ||
        tr_gguf_int(out->g, "gemma4.attention.key_length_swa", &narrow, err) < 0)
        return TR_EFORMAT;
    int rc = tr__hf_put(out->config, "global_head_dim", tr_json_integer(wide), err);
    return rc ? rc
              : tr__hf_put(out->config, "head_dim",
                           tr_json_integer(narrow ? narrow : wide), err);
}

static int set_shared(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k, (void)err;
    set_u32(in, "attention.shared_kv_layers",
            tr_json_int(tr_json_get(in->config, "num_kv_shared_layers")));
    set_u32(in, "embedding_length_per_layer_input",
            tr_json_int(tr_json_get(in->config, "hidden_size_per_layer_input")));
    return 0;
}

/* 1 if one of the first n blocks takes its keys for values too. */
static int lacks_values(const struct tr__hf_out *out, int64_t n)
{
    char name[64];
    for (int64_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "blk.%lld.attn_v.weight", (long long)i);
        if (!tr_gguf_find_tensor(out->g, name))
            return 1;
    }
    return 0;
}

static int get_shared(const struct tr__hf_out *out, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    int64_t kv = 0, n = 0;
    (void)k;
    if (tr_gguf_int(out->g, "gemma4.attention.shared_kv_layers", &kv, err) < 0 ||
        tr_gguf_int(out->g, "gemma4.embedding_length_per_layer_input", &n, err) < 0)
        return TR_EFORMAT;
    int rc = tr__hf_put(out->config, "num_kv_shared_layers", tr_json_integer(kv), err);
    if (!rc)
        rc = tr__hf_put(out->config, "hidden_size_per_layer_input", tr_json_integer(n), err);
    if (!rc)
        rc = tr__hf_put(out->config, "attention_k_eq_v",
                        tr_json_truth(lacks_values(out, out->size->n_layer - kv)), err);
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(out->g, "per_layer_token_embd.weight");
    return rc || !t ? rc
                    : tr__hf_put(out->config, "vocab_size_per_layer_input",
                                 tr_json_integer(t->dim[0]), err);
}

static int set_window(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k;
    int rc = tr__hf_set_layers(in, "attention.sliding_window_pattern", "layer_types",
                               "sliding_attention", err);
    set_u32(in, "attention.key_length_swa", in->size->head_dim);
    set_u32(in, "attention.value_length_swa", in->size->head_dim);
    return rc;
}

static int get_window(const struct tr__hf_out *out, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k;
    return tr__hf_put_layers(out, "attention.sliding_window_pattern", "layer_types",
                             "sliding_attention", "full_attention", err);
}

/* Those of the others all turn, in GGUF: by how little, the factors say. */
static int set_turned(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k, (void)err;
    set_u32(in, "rope.dimension_count", full_head(in));
    set_u32(in, "rope.dimension_count_swa", in->size->head_dim);
    return 0;
}

static int set_bases(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    static const char *const path[][2] = {
        { "gemma4.rope.freq_base", "rope_parameters.full_attention.rope_theta" },
        { "gemma4.rope.freq_base_swa", "rope_parameters.sliding_attention.rope_theta" },
    };
    (void)k;
    for (size_t i = 0; i < 2; i++) {
        const struct tr_json *v = tr__hf_field(in->config, path[i][1]);
        if (!v)
            return tr_err_set(err, TR_EFORMAT, "'%s': no '%s', which a model of gemma4 needs",
                              in->path, path[i][1]);
        tr_gguf_set_f32(in->w, path[i][0], (float)tr_json_real(v));
    }
    return 0;
}

/* ---- factors ---------------------------------------------------------------------- */

#define STILL 1e30f

static int make_factors(const struct tr__hf_in *in, float **v, int64_t *n,
                        struct tr_err *err)
{
    size_t text;
    const struct tr_json *rope = tr__hf_rope_of(in->config);
    const struct tr_json *type = tr_json_get(rope, "rope_type");
    const struct tr_json *part = tr_json_get(rope, "partial_rotary_factor");
    int64_t head = full_head(in);
    int64_t turned = (int64_t)((double)head * (part ? tr_json_real(part) : 1) / 2);
    if (!type || strcmp(tr_json_string(type, &text), "proportional") || turned < 0)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': rope of blocks without a window is not "
                          "of type 'proportional'", in->path);
    if (!(*v = malloc((size_t)(head / 2 + 1) * sizeof **v)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for factors of rope");
    for (*n = 0; *n < head / 2; ++*n)
        (*v)[*n] = *n < turned ? 1 : STILL;
    return 0;
}

static int get_bases(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(out->g, "rope_freqs.weight");
    float base[2] = { 1000000, 10000 };
    int64_t turned = 0, n = t ? tr_gguf_count(t) : 0;
    (void)k;
    for (; t && turned < n && ((const float *)t->data)[turned] < STILL / 2; turned++)
        ;
    if (tr_gguf_f32(out->g, "gemma4.rope.freq_base", &base[0], err) < 0 ||
        tr_gguf_f32(out->g, "gemma4.rope.freq_base_swa", &base[1], err) < 0)
        return TR_EFORMAT;
    struct tr_json *rope = tr_json_object(), *f = tr_json_object(), *s = tr_json_object();
    int rc = tr__hf_put(out->config, "rope_parameters", rope, err);
    if (!rc)
        rc = tr__hf_put(rope, "full_attention", f, err);
    if (!rc)
        rc = tr__hf_put(rope, "sliding_attention", s, err);
    if (!rc)
        rc = tr__hf_put(f, "rope_type", tr_json_text("proportional", 12), err);
    if (!rc)
        rc = tr__hf_put(f, "rope_theta", tr_json_number(tr__hf_short(base[0])), err);
    if (!rc)
        rc = tr__hf_put(f, "partial_rotary_factor",
                        tr_json_number(n ? (double)turned / (double)n : 1), err);
    if (!rc)
        rc = tr__hf_put(s, "rope_type", tr_json_text("default", 7), err);
    return rc ? rc
              : tr__hf_put(s, "rope_theta", tr_json_number(tr__hf_short(base[1])), err);
}

/* Others than those that get_bases has told are refused. */
static int check_factors(const struct tr__hf_out *out, const struct tr_gguf_tensor *t,
                         struct tr_err *err)
{
    const float *v = t->data;
    int64_t i = 0, n = t->dtype == &tr_f32 ? tr_gguf_count(t) : 0;
    while (i < n && v[i] == 1)
        i++;
    while (i < n && v[i] >= STILL / 2)
        i++;
    return n && i == n ? 0
                       : tr_err_set(err, TR_EUNSUPPORTED, "'%s': the factors of rope in '%s' "
                                    "are none that a config.json can say",
                                    tr_gguf_path(out->g), t->name);
}

static const struct tr__hf_how factors = { .name = "factors of gemma4", .make = make_factors,
                                           .unmake = check_factors };

/* ---- tables ----------------------------------------------------------------------- */

static const struct tr__hf_kind ff = { "width of MLPs", set_ff, get_ff };
static const struct tr__hf_kind kv = { "heads of keys", set_kv, get_kv };
static const struct tr__hf_kind heads = { "head sizes", set_heads, get_heads };
static const struct tr__hf_kind shared = { "what blocks share", set_shared, get_shared };
static const struct tr__hf_kind window = { "blocks with a window", set_window, get_window };
static const struct tr__hf_kind turned = { "columns of rope", set_turned, NULL };
static const struct tr__hf_kind bases = { "bases of rope", set_bases, get_bases };

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "4"), TR_HF_IS("head_dim", "256"),
    TR_HF_IS("rms_norm_eps", "1e-06"), TR_HF_IS("max_position_embeddings", "131072"),
    TR_HF_IS("sliding_window", "512"), TR_HF_IS("hidden_size_per_layer_input", "256"),
    TR_HF_IS("num_kv_shared_layers", "0"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_activation", "\"gelu_pytorch_tanh\"", { 0 } },
    { "use_bidirectional_attention", NULL, { "false" } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"), { .kind = &ff },
    TR_HF_U32("attention.head_count", "num_attention_heads"), { .kind = &kv },
    { .kind = &bases }, TR_HF_KEYS_RMS, TR_HF_U32_MAY("expert_count", "num_experts"),
    TR_HF_U32_MAY("expert_used_count", "top_k_experts"), { .kind = &heads },
    TR_HF_KIND(file_type),
    TR_HF_F32_MAY("final_logit_softcapping", "final_logit_softcapping"),
    TR_HF_U32("attention.sliding_window", "sliding_window"), { .kind = &shared },
    { .kind = &window },
    TR_HF_U32_MAY("expert_feed_forward_length", "moe_intermediate_size"),
    { .kind = &turned }, TR_HF_HAS("ffn_gate_inp.weight", "enable_moe_block"), { 0 },
};
#define LAYER "model.layers.%d."
static const struct tr__hf_name tensor[] = {
    { "rope_freqs.weight", 0, &factors, 1 },
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },
    { "output_norm.weight", "model.norm.weight", 0, 0 },
    TR_HF_LEFT_OUT("lm_head.weight"),
    { "per_layer_token_embd.weight", "model.embed_tokens_per_layer.weight", 0, 1 },
    { "per_layer_model_proj.weight", "model.per_layer_model_projection.weight", 0, 1 },
    { "per_layer_proj_norm.weight", "model.per_layer_projection_norm.weight", 0, 1 },
    TR_HF_FOUR_NORMS(0), TR_HF_ATTENTION, TR_HF_QK_NORMS, TR_HF_GATED_MLP,
    { "blk.%d.inp_gate.weight", LAYER "per_layer_input_gate.weight", 0, 1 },
    { "blk.%d.proj.weight", LAYER "per_layer_projection.weight", 0, 1 },
    { "blk.%d.post_norm.weight", LAYER "post_per_layer_input_norm.weight", 0, 1 },
    { "blk.%d.layer_output_scale.weight", LAYER "layer_scalar", 0, 1 },
    { "blk.%d.ffn_gate_inp.weight", LAYER "router.proj.weight", 0, 1 },
    { "blk.%d.ffn_gate_inp.scale", LAYER "router.scale", 0, 1 },
    { "blk.%d.ffn_down_exps.scale", LAYER "router.per_expert_scale", 0, 1 },
    { "blk.%d.ffn_gate_up_exps.weight", LAYER "experts.gate_up_proj", 0, 1 },
    { "blk.%d.ffn_down_exps.weight", LAYER "experts.down_proj", 0, 1 },
    { "blk.%d.pre_ffw_norm_2.weight", LAYER "pre_feedforward_layernorm_2.weight", 0, 1 },
    { "blk.%d.post_ffw_norm_1.weight", LAYER "post_feedforward_layernorm_1.weight", 0, 1 },
    { "blk.%d.post_ffw_norm_2.weight", LAYER "post_feedforward_layernorm_2.weight", 0, 1 },
    { 0 },
};

const struct tr__hf_arch tr__hf_gemma4 = {
    .name = "gemma4",
    .class_name = { "Gemma4ForCausalLM", "Gemma4ForConditionalGeneration" },
    .model_type = { "gemma4_text", "gemma4" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
};
