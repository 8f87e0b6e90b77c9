/* SPDX-License-Identifier: MIT
 *
 * OLMoE: experts, whose weights are not normalised; norms over all of q and of k.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "16"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "4096"),
    TR_HF_IS("num_experts", "64"),
    TR_HF_IS("num_experts_per_tok", "8"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "norm_topk_prob", "false", { 0 } },
    { "clip_qkv", "null", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_EXPERTS,
    TR_HF_KIND(file_type),
    TR_HF_HAS("attn_q.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION, TR_HF_QK_NORMS,
    TR_HF_EXPERTS("model.layers.%d.mlp"), { 0 },
};

const struct tr__hf_arch tr__hf_olmoe = {
    .name = "olmoe",
    .class_name = { "OlmoeForCausalLM" },
    .model_type = { "olmoe" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
