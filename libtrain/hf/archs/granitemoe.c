/* SPDX-License-Identifier: MIT
 *
 * Granite with experts, whose gate and up are one tensor.
 */
#include <libtrain/hf/archs/archs.h>

#define MOE "model.layers.%d.block_sparse_moe."
#define SHARED "model.layers.%d.shared_mlp."
static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    TR_HF_IS("num_local_experts", "8"),
    TR_HF_IS("num_experts_per_tok", "2"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS,
    TR_HF_U32("expert_count", "num_local_experts"),
    TR_HF_U32("expert_used_count", "num_experts_per_tok"), TR_HF_KIND(file_type),
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim), TR_HF_KEYS_SCALES,
    TR_HF_U32_MAY("expert_shared_feed_forward_length", "shared_intermediate_size"),
    TR_HF_HAS("attn_q.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LLAMA3, TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS,
    { "blk.%d.ffn_gate_inp.weight", MOE "router.layer.weight", 0, 0 },
    { "blk.%d.ffn_gate_exps.weight", MOE "input_linear.weight", &tr__hf_half_0, 0 },
    { "blk.%d.ffn_up_exps.weight", MOE "input_linear.weight", &tr__hf_half_1, 0 },
    { "blk.%d.ffn_down_exps.weight", MOE "output_linear.weight", 0, 0 },
    { "blk.%d.ffn_gate_shexp.weight", SHARED "input_linear.weight", &tr__hf_half_0, 1 },
    { "blk.%d.ffn_up_shexp.weight", SHARED "input_linear.weight", &tr__hf_half_1, 1 },
    { "blk.%d.ffn_down_shexp.weight", SHARED "output_linear.weight", 0, 1 }, { 0 },
};

const struct tr__hf_arch tr__hf_granitemoe = {
    .name = "granitemoe",
    .class_name = { "GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM" },
    .model_type = { "granitemoe", "granitemoeshared" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
