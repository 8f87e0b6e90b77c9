/* SPDX-License-Identifier: MIT
 *
 * Nemotron-H and Nemotron 3: each block is one thing, a state (M), attention (*), an MLP (-) or
 * experts (E), as a string of these letters says, or a list of words.  No rope.
 */
#include <libtrain/hf/archs/archs.h>

#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 1 << 20 }; /* what llama.cpp's converter writes */

/* ---- blocks ----------------------------------------------------------------------- */

static char letter_of(const char *word)
{
    static const struct {
        const char *word;
        char letter;
    } of[] = {
        { "mamba", 'M' }, { "linear_attention", 'M' }, { "attention", '*' },
        { "full_attention", '*' }, { "mlp", '-' }, { "moe", 'E' },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (strcmp(word, of[i].word) == 0)
            return of[i].letter;
    return 0;
}

/* The letter of block i; 0 if there is none. */
static char letter(const struct tr_json *config, size_t i)
{
    size_t n = 0;
    const struct tr_json *text = tr_json_get(config, "hybrid_override_pattern");
    const struct tr_json *list = tr_json_get(config, "layers_block_type");
    const char *s = text ? tr_json_string(text, &n) : "";
    if (text)
        return i < n ? s[i] : 0;
    return i < tr_json_count(list) ? letter_of(tr_json_string(tr_json_at(list, i), &n)) : 0;
}

static int config_has_experts(const struct tr_json *config)
{
    for (size_t i = 0; letter(config, i); i++)
        if (letter(config, i) == 'E')
            return 1;
    return 0;
}

/* Numbers by block: `value` where the letter is this one, else 0. */
static int by_block(const struct tr__hf_in *in, const char *key, char which, int64_t value,
                    struct tr_err *err)
{
    char name[96];
    int32_t *v = calloc((size_t)in->size->n_layer + 1, sizeof *v);
    if (!v)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (int64_t i = 0; i < in->size->n_layer; i++) {
        char at = letter(in->config, (size_t)i);
        if (!at || !strchr("M*-E", at)) {
            free(v);
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': what block %lld is, is not said in "
                              "'hybrid_override_pattern' or 'layers_block_type'", in->path,
                              (long long)i);
        }
        v[i] = at == which ? (int32_t)value : 0;
    }
    tr__hf_key_name(name, sizeof name, in->arch, key);
    tr_gguf_set_array(in->w, name, TR_GGUF_I32, v, (uint64_t)in->size->n_layer);
    free(v);
    return 0;
}

static int64_t number(const struct tr__hf_in *in, const char *field)
{
    return tr_json_int(tr_json_get(in->config, field));
}

static int set_kv(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k;
    return by_block(in, "attention.head_count_kv", '*', in->size->n_head_kv, err);
}

static int set_ff(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k;
    if (config_has_experts(in->config))
        return by_block(in, "feed_forward_length", 'E', number(in, "moe_intermediate_size"),
                        err);
    return by_block(in, "feed_forward_length", '-', number(in, "intermediate_size"), err);
}

/* ---- and back --------------------------------------------------------------------- */

static const struct tr_gguf_kv *numbers(const struct tr__hf_out *out, const char *key)
{
    char name[96];
    const struct tr_gguf_kv *kv;
    tr__hf_key_name(name, sizeof name, out->arch, key);
    return tr_gguf_ints(out->g, name, &kv, NULL) == 1 ? kv : NULL;
}

static int get_blocks(const struct tr__hf_out *out, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    const struct tr_gguf_kv *kv = numbers(out, "attention.head_count_kv");
    const struct tr_gguf_kv *ff = numbers(out, "feed_forward_length");
    size_t n = (size_t)out->size->n_layer;
    char *text = calloc(n + 1, 1);
    int64_t width = 0;
    (void)k;
    if (!text)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        int64_t heads = kv && i < kv->count ? tr_gguf_elem_int(kv, i) : 0;
        int64_t wide = ff && i < ff->count ? tr_gguf_elem_int(ff, i) : 0;
        text[i] = heads > 0 ? '*' : !wide ? 'M' : out->size->n_expert ? 'E' : '-';
        width = wide > width ? wide : width;
    }
    int rc = tr__hf_put(out->config, "hybrid_override_pattern", tr_json_text(text, n), err);
    free(text);
    if (!rc)
        rc = tr__hf_put(out->config, "num_key_value_heads",
                        tr_json_integer(out->size->n_head_kv), err);
    if (!rc && !out->size->n_expert)
        rc = tr__hf_put(out->config, "intermediate_size", tr_json_integer(width), err);
    return rc;
}

static int get_inner(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k;
    return tr__hf_put(out->config, "mamba_head_dim", tr_json_integer(out->size->value_dim),
                      err);
}

static int get_context(const struct tr__hf_out *out, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    (void)k;
    return tr__hf_put(out->config, "max_position_embeddings", tr_json_integer(CONTEXT), err);
}

/* ---- what is computed ------------------------------------------------------------- */

static int set_u32(const struct tr__hf_in *in, const char *key, int64_t v)
{
    char name[96];
    tr__hf_key_name(name, sizeof name, in->arch, key);
    tr_gguf_set_u32(in->w, name, (uint32_t)v);
    return 0;
}

static int set_context(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    (void)k, (void)err;
    return set_u32(in, "context_length", CONTEXT);
}

static int set_turned(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k, (void)err;
    return set_u32(in, "rope.dimension_count",
                   in->size->n_head ? in->size->n_embd / in->size->n_head : 0);
}

static int set_inner(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    int64_t heads = number(in, "mamba_num_heads"), n = number(in, "mamba_head_dim");
    (void)k;
    if (heads < 1 || n < 1 || heads > INT32_MAX / n)
        return tr_err_set(err, TR_EFORMAT, "'%s': %lld 'mamba_num_heads' of %lld", in->path,
                          (long long)heads, (long long)n);
    return set_u32(in, "ssm.inner_size", heads * n);
}

static int set_no_rope(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    char name[96];
    (void)k, (void)err;
    tr__hf_key_name(name, sizeof name, in->arch, "rope.scaling.finetuned");
    tr_gguf_set_bool(in->w, name, 0);
    return 0;
}

static const struct tr__hf_kind context = { "context", set_context, get_context };
static const struct tr__hf_kind kv = { "heads of keys", set_kv, get_blocks };
static const struct tr__hf_kind ff = { "width of MLPs", set_ff, NULL };
static const struct tr__hf_kind turned = { "columns of rope", set_turned, NULL };
static const struct tr__hf_kind inner = { "width of the state", set_inner, get_inner };
static const struct tr__hf_kind no_rope = { "no rope", set_no_rope, NULL };

/* ---- tables ----------------------------------------------------------------------- */

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"), TR_HF_SAME("head_dim", "attention_head_dim"),
    TR_HF_IS("layer_norm_epsilon", "1e-05"), TR_HF_IS("n_groups", "8"),
    TR_HF_IS("conv_kernel", "4"), TR_HF_IS("ssm_state_size", "128"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "mlp_hidden_act", "\"relu2\"", { 0 } },
    { "mamba_hidden_act", "\"silu\"", { 0 } },
    { "mamba_proj_bias", "false", { 0 } },
    { "use_bias", "false", { 0 } },
    { "moe_latent_size", "null", { 0 } },
    { "num_nextn_predict_layers", "0", { 0 } },
    { 0 },
};
#define FIRST                                                                            \
    TR_HF_U32("block_count", "num_hidden_layers"), { .kind = &context },                 \
    TR_HF_U32("embedding_length", "hidden_size"), { .kind = &ff },                       \
    TR_HF_U32("attention.head_count", "num_attention_heads"), { .kind = &kv },           \
    TR_HF_F32_MAY("rope.freq_base", "rope_parameters.rope_theta"),                       \
    TR_HF_F32_MAY("attention.layer_norm_rms_epsilon", "rms_norm_eps", "norm_eps"),       \
    TR_HF_F32("attention.layer_norm_epsilon", "layer_norm_epsilon")
#define LAST                                                                             \
    TR_HF_KIND(file_type), TR_HF_U32("vocab_size", "vocab_size"), { .kind = &turned },   \
    TR_HF_U32("ssm.conv_kernel", "conv_kernel"),                                         \
    TR_HF_U32("ssm.state_size", "ssm_state_size"),                                       \
    TR_HF_U32("ssm.group_count", "n_groups"), { .kind = &inner },                        \
    TR_HF_U32("ssm.time_step_rank", "mamba_num_heads"), { .kind = &no_rope },            \
    TR_HF_KIND(head_dim)
static const struct tr__hf_key key[] = { FIRST, LAST, { 0 } };
static const struct tr__hf_key key_moe[] = {
    FIRST, TR_HF_U32("expert_count", "n_routed_experts"),
    TR_HF_U32("expert_used_count", "num_experts_per_tok"),
    TR_HF_U32_MAY("expert_group_count", "n_group"),
    TR_HF_U32_MAY("expert_group_used_count", "topk_group"), LAST,
    TR_HF_U32("expert_feed_forward_length", "moe_intermediate_size"),
    TR_HF_U32("expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size"),
    TR_HF_U32("expert_shared_count", "n_shared_experts"),
    TR_HF_BOOL("expert_weights_norm", "norm_topk_prob"),
    TR_HF_F32("expert_weights_scale", "routed_scaling_factor"), { 0 },
};

#define MIXER "backbone.layers.%d.mixer."
#define BLOCKS                                                                           \
    { "token_embd.weight", "backbone.embeddings.weight", 0, 0 },                         \
    { "output_norm.weight", "backbone.norm_f.weight", 0, 0 },                            \
    { "output.weight", "lm_head.weight", 0, 1 },                                         \
    { "blk.%d.attn_norm.weight", "backbone.layers.%d.norm.weight", 0, 0 },               \
    TR_HF_BOTH_AS("blk.%d.attn_q", MIXER "q_proj", q_pairs),                             \
    TR_HF_BOTH_AS("blk.%d.attn_k", MIXER "k_proj", k_pairs),                             \
    TR_HF_BOTH("blk.%d.attn_v", MIXER "v_proj"),                                         \
    TR_HF_BOTH("blk.%d.attn_output", MIXER "o_proj"),                                    \
    { "blk.%d.ssm_in.weight", MIXER "in_proj.weight", 0, 0 },                            \
    { "blk.%d.ssm_conv1d.weight", MIXER "conv1d.weight", 0, 0 },                         \
    { "blk.%d.ssm_conv1d.bias", MIXER "conv1d.bias", 0, 1 },                             \
    { "blk.%d.ssm_dt.bias", MIXER "dt_bias", 0, 0 },                                     \
    { "blk.%d.ssm_a", MIXER "A_log", &tr__hf_minus_exp_column, 0 },                      \
    { "blk.%d.ssm_d", MIXER "D", &tr__hf_column_of, 0 },                                 \
    { "blk.%d.ssm_norm.weight", MIXER "norm.weight", &tr__hf_group_rows, 0 },            \
    { "blk.%d.ssm_out.weight", MIXER "out_proj.weight", 0, 0 }
static const struct tr__hf_name tensor[] = {
    BLOCKS, TR_HF_BOTH("blk.%d.ffn_up", MIXER "up_proj"),
    TR_HF_BOTH("blk.%d.ffn_down", MIXER "down_proj"), { 0 },
};
static const struct tr__hf_name tensor_moe[] = {
    BLOCKS,
    { "blk.%d.ffn_gate_inp.weight", MIXER "gate.weight", 0, 0 },
    { "blk.%d.exp_probs_b.bias", MIXER "gate.e_score_correction_bias", 0, 0 },
    { "blk.%d.exp_probs_b.bias", MIXER "gate.e_score_correction.bias", 0, 1 },
    { "blk.%d.ffn_down_exps.weight", MIXER "experts.%d.down_proj.weight", 0, 0 },
    { "blk.%d.ffn_up_exps.weight", MIXER "experts.%d.up_proj.weight", 0, 0 },
    { "blk.%d.ffn_down_shexp.weight", MIXER "shared_experts.down_proj.weight", 0, 0 },
    { "blk.%d.ffn_up_shexp.weight", MIXER "shared_experts.up_proj.weight", 0, 0 },
    { 0 },
};

const struct tr__hf_arch tr__hf_nemotron_h_moe = {
    .name = "nemotron_h_moe",
    .class_name = { "NemotronHForCausalLM" },
    .model_type = { "nemotron_h" },
    .missing = missing, .fixed = fixed, .key = key_moe, .tensor = tensor_moe, .mixed = 1,
    .fits_config = config_has_experts,
};

const struct tr__hf_arch tr__hf_nemotron_h = {
    .name = "nemotron_h",
    .class_name = { "NemotronHForCausalLM" },
    .model_type = { "nemotron_h" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
};
