/* SPDX-License-Identifier: MIT
 *
 * gpt-oss: experts stacked across, whose gate and up are columns by turns; sinks; a window in every
 * other block.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"), TR_HF_IS("head_dim", "64"),
    TR_HF_IS("rms_norm_eps", "1e-05"), TR_HF_IS("rope_theta", "150000.0"),
    TR_HF_IS("max_position_embeddings", "131072"), TR_HF_IS("sliding_window", "128"),
    TR_HF_IS("num_local_experts", "128"), TR_HF_IS("num_experts_per_tok", "4"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "swiglu_limit", "7.0", { "7" } },
    { "swiglu_alpha", "1.702", { 0 } },
    { "rope_parameters.truncate", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS,
    TR_HF_U32("expert_count", "num_local_experts"),
    TR_HF_U32("expert_used_count", "num_experts_per_tok"), TR_HF_KEYS_END,
    TR_HF_U32("attention.sliding_window", "sliding_window"),
    TR_HF_U32("expert_feed_forward_length", "intermediate_size"), { 0 },
};
#define MLP "model.layers.%d.mlp."
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS,
    { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", 0, 0 },
    { "blk.%d.post_attention_norm.weight", "model.layers.%d.post_attention_layernorm.weight",
      0, 0 },
    TR_HF_ATTENTION,
    { "blk.%d.attn_sinks.weight", "model.layers.%d.self_attn.sinks", 0, 0 },
    TR_HF_BOTH("blk.%d.ffn_gate_inp", MLP "router"),
    { "blk.%d.ffn_gate_exps.weight", MLP "experts.gate_up_proj", &tr__hf_turned_even, 0 },
    { "blk.%d.ffn_up_exps.weight", MLP "experts.gate_up_proj", &tr__hf_turned_odd, 0 },
    { "blk.%d.ffn_gate_exps.bias", MLP "experts.gate_up_proj_bias", &tr__hf_even_columns, 0 },
    { "blk.%d.ffn_up_exps.bias", MLP "experts.gate_up_proj_bias", &tr__hf_odd_columns, 0 },
    { "blk.%d.ffn_down_exps.weight", MLP "experts.down_proj", &tr__hf_transposed, 0 },
    { "blk.%d.ffn_down_exps.bias", MLP "experts.down_proj_bias", 0, 0 },
    { 0 },
};

const struct tr__hf_arch tr__hf_gpt_oss = {
    .name = "gpt-oss",
    .class_name = { "GptOssForCausalLM" },
    .model_type = { "gpt_oss" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mxfp4 = 1,
};
