/* SPDX-License-Identifier: MIT
 *
 * ERNIE 4.5: Llama with heads of their own size, stored in pairs as in GGUF.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "2"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "500000.0"),
    TR_HF_IS("max_position_embeddings", "131072"),
    TR_HF_IS("head_dim", "128"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "use_bias", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END, { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_ernie4_5 = {
    .name = "ernie4_5",
    .class_name = { "Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM" },
    .model_type = { "ernie4_5" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
