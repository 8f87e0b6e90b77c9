/* SPDX-License-Identifier: MIT
 *
 * SmolLM3: Llama with every fourth block without rope.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "4"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "2000000.0"),
    TR_HF_IS("max_position_embeddings", "32768"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "use_sliding_window", "false", { 0 } },
    { "no_rope_layer_interval", "4", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim),
    TR_HF_HAS("attn_q.bias", "attention_bias"), TR_HF_HAS("ffn_up.bias", "mlp_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LLAMA3, TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS, TR_HF_GATED_MLP,
    { 0 },
};

const struct tr__hf_arch tr__hf_smollm3 = {
    .name = "smollm3",
    .class_name = { "SmolLM3ForCausalLM" },
    .model_type = { "smollm3" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
