/* SPDX-License-Identifier: MIT
 *
 * Granite: Llama with factors on embeddings, scores, residuals and logits.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
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
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim), TR_HF_KEYS_SCALES,
    TR_HF_HAS("attn_q.bias", "attention_bias"), TR_HF_HAS("ffn_up.bias", "mlp_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LLAMA3, TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS, TR_HF_GATED_MLP,
    { 0 },
};

const struct tr__hf_arch tr__hf_granite = {
    .name = "granite",
    .class_name = { "GraniteForCausalLM" },
    .model_type = { "granite" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
