/* SPDX-License-Identifier: MIT
 *
 * LFM2 with experts behind the first blocks, chosen with a bias.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"), TR_HF_IS("norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "1000000.0"), TR_HF_IS("max_position_embeddings", "128000"),
    TR_HF_IS("conv_L_cache", "3"), TR_HF_IS("moe_intermediate_size", "1792"),
    TR_HF_IS("num_dense_layers", "2"), TR_HF_IS("num_experts", "32"),
    TR_HF_IS("num_experts_per_tok", "4"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "conv_bias", "false", { 0 } },
    { "norm_topk_prob", "true", { 0 } },
    { "use_expert_bias", "true", { 0 } },
    { "routed_scaling_factor", "1.0", { "1" } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("attention.head_count", "num_attention_heads"), TR_HF_KIND(kv_by_layer),
    TR_HF_KIND(rope), TR_HF_F32("attention.layer_norm_rms_epsilon", "norm_eps"),
    TR_HF_KEYS_EXPERTS, TR_HF_KIND(file_type),
    TR_HF_U32("expert_feed_forward_length", "moe_intermediate_size"),
    TR_HF_U32("leading_dense_block_count", "num_dense_layers"), TR_HF_KIND(sigmoid),
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_U32("shortconv.l_cache", "conv_L_cache"),
    { 0 },
};
#define FF "model.layers.%d.feed_forward."
static const struct tr__hf_name tensor[] = {
    TR_HF_LFM2_BLOCKS,
    { "blk.%d.ffn_gate.weight", FF "w1.weight", 0, 0 },
    { "blk.%d.ffn_down.weight", FF "w2.weight", 0, 0 },
    { "blk.%d.ffn_up.weight", FF "w3.weight", 0, 0 },
    { "blk.%d.ffn_gate_inp.weight", FF "gate.weight", 0, 0 },
    { "blk.%d.exp_probs_b.bias", FF "expert_bias", 0, 0 },
    { "blk.%d.ffn_gate_exps.weight", FF "experts.%d.w1.weight", 0, 0 },
    { "blk.%d.ffn_down_exps.weight", FF "experts.%d.w2.weight", 0, 0 },
    { "blk.%d.ffn_up_exps.weight", FF "experts.%d.w3.weight", 0, 0 },
    { 0 },
};

const struct tr__hf_arch tr__hf_lfm2moe = {
    .name = "lfm2moe",
    .class_name = { "Lfm2MoeForCausalLM" },
    .model_type = { "lfm2_moe" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
};
