/* SPDX-License-Identifier: MIT
 *
 * Ministral 3: Llama whose queries grow behind the original context.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "1000000.0"),
    TR_HF_IS("max_position_embeddings", "262144"),
    TR_HF_IS("head_dim", "128"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "rope_parameters.rope_type", "\"yarn\"", { 0 } },
    { "rope_parameters.mscale", "1.0", { "1" } },
    { "sliding_window", "null", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim),
    TR_HF_F32("rope.scaling.yarn_log_multiplier", "rope_parameters.mscale_all_dim"),
    TR_HF_F32("attention.temperature_scale", "rope_parameters.llama_4_scaling_beta"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_mistral3 = {
    .name = "mistral3",
    .class_name = { "Ministral3ForCausalLM" },
    .model_type = { "ministral3" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
