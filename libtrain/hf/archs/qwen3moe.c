/* SPDX-License-Identifier: MIT
 *
 * Qwen3 with experts, whose weights are normalised.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "4"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "32768"),
    TR_HF_IS("norm_topk_prob", "false"),
    TR_HF_IS("moe_intermediate_size", "768"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "use_sliding_window", "false", { 0 } },
    { "norm_topk_prob", "true", { 0 } },
    { "decoder_sparse_step", "1", { 0 } },
    { "mlp_only_layers", "[]", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_EXPERTS, TR_HF_KEYS_END,
    TR_HF_U32("expert_feed_forward_length", "moe_intermediate_size"),
    TR_HF_HAS("attn_q.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION, TR_HF_QK_NORMS,
    TR_HF_EXPERTS("model.layers.%d.mlp"),
    TR_HF_EXPERT_STACKS("model.layers.%d.mlp"), { 0 },
};

const struct tr__hf_arch tr__hf_qwen3moe = {
    .name = "qwen3moe",
    .class_name = { "Qwen3MoeForCausalLM" },
    .model_type = { "qwen3_moe" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
