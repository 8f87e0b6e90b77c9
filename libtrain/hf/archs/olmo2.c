/* SPDX-License-Identifier: MIT
 *
 * OLMo 2: norms behind attention and MLP only, and over all of q and of k.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KIND(file_type),
    TR_HF_HAS("attn_q.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_POST_NORMS, TR_HF_ATTENTION, TR_HF_QK_NORMS, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_olmo2 = {
    .name = "olmo2",
    .class_name = { "Olmo2ForCausalLM" },
    .model_type = { "olmo2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
