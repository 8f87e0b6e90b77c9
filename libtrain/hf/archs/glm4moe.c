/* SPDX-License-Identifier: MIT
 *
 * GLM-4.5: experts behind the first blocks, and one that all see.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"), TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"), TR_HF_IS("partial_rotary_factor", "0.5"),
    TR_HF_IS("max_position_embeddings", "131072"), TR_HF_IS("num_experts_per_tok", "8"),
    TR_HF_IS("n_shared_experts", "1"), TR_HF_IS("n_routed_experts", "128"),
    TR_HF_IS("moe_intermediate_size", "1408"), TR_HF_IS("routed_scaling_factor", "1.0"),
    TR_HF_IS("n_group", "1"), TR_HF_IS("topk_group", "1"),
    TR_HF_IS("first_k_dense_replace", "1"), TR_HF_IS("norm_topk_prob", "true"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS,
    TR_HF_U32("expert_count", "n_routed_experts"),
    TR_HF_U32("expert_used_count", "num_experts_per_tok"),
    TR_HF_U32("expert_group_count", "n_group"),
    TR_HF_U32("expert_group_used_count", "topk_group"), TR_HF_KEYS_END,
    TR_HF_KIND(rope_part_head),
    TR_HF_U32("expert_feed_forward_length", "moe_intermediate_size"),
    TR_HF_U32("expert_shared_count", "n_shared_experts"),
    TR_HF_U32("leading_dense_block_count", "first_k_dense_replace"), TR_HF_KIND(sigmoid),
    TR_HF_F32("expert_weights_scale", "routed_scaling_factor"),
    TR_HF_BOOL("expert_weights_norm", "norm_topk_prob"),
    TR_HF_U32_MAY("nextn_predict_layers", "num_nextn_predict_layers"), { 0 },
};
#define MLP "model.layers.%d.mlp."
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS,
    { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", 0, 0 },
    { "blk.%d.post_attention_norm.weight", "model.layers.%d.post_attention_layernorm.weight",
      0, 0 },
    TR_HF_ATTENTION,
    { "blk.%d.attn_q_norm.weight", "model.layers.%d.self_attn.q_norm.weight", 0, 1 },
    { "blk.%d.attn_k_norm.weight", "model.layers.%d.self_attn.k_norm.weight", 0, 1 },
    TR_HF_GATED_MLP, TR_HF_EXPERTS("model.layers.%d.mlp"),
    { "blk.%d.exp_probs_b.bias", MLP "gate.e_score_correction_bias", 0, 0 },
    TR_HF_SHARED("model.layers.%d.mlp.shared_experts"),
    TR_HF_AHEAD(0), { 0 },
};

const struct tr__hf_arch tr__hf_glm4moe = {
    .name = "glm4moe",
    .class_name = { "Glm4MoeForCausalLM" },
    .model_type = { "glm4_moe" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
};
