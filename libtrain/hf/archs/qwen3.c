/* SPDX-License-Identifier: MIT
 *
 * Qwen3: q and k of each head are normed.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "32"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "32768"),
    TR_HF_IS("head_dim", "128"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "use_sliding_window", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_HAS("attn_q.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION, TR_HF_QK_NORMS, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_qwen3 = {
    .name = "qwen3",
    .class_name = { "Qwen3ForCausalLM" },
    .model_type = { "qwen3" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
