/* SPDX-License-Identifier: MIT
 *
 * Qwen3.5, with and without experts: most blocks are gated delta nets, whose heads of values GGUF
 * has by turns; norms are stored without the one that is added to them, but for those of states.
 */
#include <libtrain/hf/archs/archs.h>

/* Which columns of rope go with time, height and width; text has the same for all. */
static int set_sections(const struct tr__hf_in *in, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    char key[64];
    int32_t v[4] = { 11, 11, 10, 0 };
    const struct tr_json *list = tr__hf_field(in->config, "rope_parameters.mrope_section");
    (void)k, (void)err;
    for (size_t i = 0; list && i < 4; i++)
        v[i] = i < tr_json_count(list) ? (int32_t)tr_json_int(tr_json_at(list, i)) : 0;
    tr__hf_key_name(key, sizeof key, in->arch, "rope.dimension_sections");
    if (list)
        tr_gguf_set_array(in->w, key, TR_GGUF_I32, v, 4);
    return 0;
}

/* The usual ones stand at the end. */
static int set_usual_sections(const struct tr__hf_in *in, const struct tr__hf_key *k,
                              struct tr_err *err)
{
    static const int32_t v[4] = { 11, 11, 10, 0 };
    char key[64];
    (void)k, (void)err;
    tr__hf_key_name(key, sizeof key, in->arch, "rope.dimension_sections");
    if (!tr__hf_field(in->config, "rope_parameters.mrope_section"))
        tr_gguf_set_array(in->w, key, TR_GGUF_I32, v, 4);
    return 0;
}

static int get_sections(const struct tr__hf_out *out, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    char key[64];
    const struct tr_gguf_kv *kv;
    (void)k;
    tr__hf_key_name(key, sizeof key, out->arch, "rope.dimension_sections");
    int rc = tr_gguf_ints(out->g, key, &kv, err);
    struct tr_json *list = rc == 1 ? tr_json_array() : NULL;
    if (rc != 1)
        return rc;
    for (uint64_t i = 0; list && i < kv->count && i < 3; i++)
        if (tr_json_append(list, tr_json_integer(tr_gguf_elem_int(kv, i)))) {
            tr_json_free(list);
            list = NULL;
        }
    rc = tr__hf_put(out->config, "rope_parameters.mrope_section", list, err);
    return rc ? rc
              : tr__hf_put(out->config, "rope_parameters.mrope_interleaved",
                           tr_json_truth(1), err);
}

static int set_inner(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    char key[64];
    (void)k, (void)err;
    tr__hf_key_name(key, sizeof key, in->arch, "ssm.inner_size");
    tr_gguf_set_u32(in->w, key, (uint32_t)(in->size->value_heads * in->size->value_dim));
    return 0;
}

static int get_inner(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k;
    return tr__hf_put(out->config, "linear_value_head_dim",
                      tr_json_integer(out->size->value_dim), err);
}

static int set_recurrent(const struct tr__hf_in *in, const struct tr__hf_key *k,
                         struct tr_err *err)
{
    (void)k;
    return tr__hf_set_layers(in, "attention.recurrent_layers", "layer_types",
                             "linear_attention", err);
}

static int get_recurrent(const struct tr__hf_out *out, const struct tr__hf_key *k,
                         struct tr_err *err)
{
    (void)k;
    return tr__hf_put_layers(out, "attention.recurrent_layers", "layer_types",
                             "linear_attention", "full_attention", err);
}

static const struct tr__hf_kind sections = { "sections", set_sections, NULL };
static const struct tr__hf_kind usual_sections = { "usual sections", set_usual_sections,
                                                   get_sections };
static const struct tr__hf_kind inner = { "width of the state", set_inner, get_inner };
static const struct tr__hf_kind recurrent = { "blocks with a state", set_recurrent,
                                              get_recurrent };

#define MISSING(kv)                                                                      \
    TR_HF_IS("num_key_value_heads", kv), TR_HF_IS("rms_norm_eps", "1e-06"),              \
    TR_HF_IS("rope_theta", "10000.0"), TR_HF_IS("partial_rotary_factor", "0.25"),        \
    TR_HF_IS("max_position_embeddings", "32768"), TR_HF_IS("head_dim", "256"),           \
    TR_HF_IS("linear_conv_kernel_dim", "4"), TR_HF_IS("linear_key_head_dim", "128"),     \
    TR_HF_IS("linear_value_head_dim", "128"), TR_HF_IS("linear_num_key_heads", "16"),    \
    TR_HF_IS("linear_num_value_heads", "32"), TR_HF_IS("full_attention_interval", "4")
static const struct tr__hf_default missing[] = { MISSING("4"), { 0 } };
static const struct tr__hf_default missing_moe[] = {
    MISSING("2"), TR_HF_IS("moe_intermediate_size", "512"), TR_HF_IS("num_experts", "256"),
    TR_HF_IS("shared_expert_intermediate_size", "512"), TR_HF_IS("num_experts_per_tok", "8"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};

#define AHEAD TR_HF_U32_MAY("nextn_predict_layers", "mtp_num_hidden_layers")
#define STATE                                                                            \
    TR_HF_U32("ssm.conv_kernel", "linear_conv_kernel_dim"),                              \
    TR_HF_U32("ssm.state_size", "linear_key_head_dim"),                                  \
    TR_HF_U32("ssm.group_count", "linear_num_key_heads"),                                \
    TR_HF_U32("ssm.time_step_rank", "linear_num_value_heads"), { .kind = &inner },       \
    { .kind = &recurrent },                                                              \
    TR_HF_U32("full_attention_interval", "full_attention_interval"),                     \
    TR_HF_KIND(rope_part_head), { .kind = &usual_sections }
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES_FF_MAY, { .kind = &sections }, TR_HF_KIND(rope), TR_HF_KEYS_RMS,
    TR_HF_KEYS_END, AHEAD, STATE, { 0 },
};
static const struct tr__hf_key key_moe[] = {
    TR_HF_KEYS_SIZES_FF_MAY, { .kind = &sections }, TR_HF_KIND(rope), TR_HF_KEYS_RMS,
    TR_HF_KEYS_EXPERTS, TR_HF_KEYS_END,
    TR_HF_U32("expert_feed_forward_length", "moe_intermediate_size"),
    TR_HF_U32("expert_shared_feed_forward_length", "shared_expert_intermediate_size"),
    AHEAD, STATE, { 0 },
};

#define LAYER "model.layers.%d."
#define DELTA LAYER "linear_attn."
#define BLOCKS                                                                           \
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },                          \
    { "output_norm.weight", "model.norm.weight", &tr__hf_plus_one, 0 },                  \
    { "output.weight", "lm_head.weight", 0, 1 },                                         \
    { "blk.%d.attn_norm.weight", LAYER "input_layernorm.weight", &tr__hf_plus_one, 0 },  \
    { "blk.%d.post_attention_norm.weight", LAYER "post_attention_layernorm.weight",      \
      &tr__hf_plus_one, 0 },                                                             \
    TR_HF_ATTENTION,                                                                     \
    { "blk.%d.attn_q_norm.weight", LAYER "self_attn.q_norm.weight", &tr__hf_plus_one, 0 },\
    { "blk.%d.attn_k_norm.weight", LAYER "self_attn.k_norm.weight", &tr__hf_plus_one, 0 },\
    { "blk.%d.attn_qkv.weight", DELTA "in_proj_qkv.weight", &tr__hf_turns_behind, 0 },   \
    { "blk.%d.attn_gate.weight", DELTA "in_proj_z.weight", &tr__hf_turns, 0 },           \
    { "blk.%d.ssm_alpha.weight", DELTA "in_proj_a.weight", &tr__hf_turns_one, 0 },       \
    { "blk.%d.ssm_beta.weight", DELTA "in_proj_b.weight", &tr__hf_turns_one, 0 },        \
    { "blk.%d.ssm_conv1d.weight", DELTA "conv1d.weight", &tr__hf_turns_behind, 0 },      \
    { "blk.%d.ssm_dt.bias", DELTA "dt_bias", &tr__hf_turns_one, 0 },                     \
    { "blk.%d.ssm_a", DELTA "A_log", &tr__hf_turns_minus_exp, 0 },                       \
    { "blk.%d.ssm_norm.weight", DELTA "norm.weight", 0, 0 },                             \
    { "blk.%d.ssm_out.weight", DELTA "out_proj.weight", &tr__hf_turns_columns, 0 }
static const struct tr__hf_name tensor[] = {
    BLOCKS, TR_HF_GATED_MLP, TR_HF_AHEAD(&tr__hf_plus_one), { 0 },
};
static const struct tr__hf_name tensor_moe[] = {
    BLOCKS, TR_HF_EXPERTS("model.layers.%d.mlp"), TR_HF_EXPERT_STACKS("model.layers.%d.mlp"),
    TR_HF_SHARED("model.layers.%d.mlp.shared_expert"),
    { "blk.%d.ffn_gate_inp_shexp.weight", "model.layers.%d.mlp.shared_expert_gate.weight", 0,
      0 },
    TR_HF_AHEAD(&tr__hf_plus_one), { 0 },
};

const struct tr__hf_arch tr__hf_qwen35 = {
    .name = "qwen35",
    .class_name = { "Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration" },
    .model_type = { "qwen3_5_text", "qwen3_5" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
    .mtp = 1,
};

const struct tr__hf_arch tr__hf_qwen35moe = {
    .name = "qwen35moe",
    .class_name = { "Qwen3_5MoeForCausalLM", "Qwen3_5MoeForConditionalGeneration" },
    .model_type = { "qwen3_5_moe_text", "qwen3_5_moe" },
    .missing = missing_moe, .fixed = fixed, .key = key_moe, .tensor = tensor_moe, .mixed = 1,
    .mtp = 1,
};
