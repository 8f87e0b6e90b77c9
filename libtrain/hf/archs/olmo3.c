/* SPDX-License-Identifier: MIT
 *
 * OLMo 3: OLMo 2 with a window in three blocks of four.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "500000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    TR_HF_IS("sliding_window", "4096"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KIND(file_type),
    TR_HF_U32("attention.sliding_window", "sliding_window"), TR_HF_KIND(window_layers),
    TR_HF_HAS("attn_q.bias", "attention_bias"),
    { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_POST_NORMS, TR_HF_ATTENTION, TR_HF_QK_NORMS, TR_HF_GATED_MLP, { 0 },
};

static int fits(const struct tr_gguf *g)
{
    return tr_gguf_find_kv(g, "olmo2.attention.sliding_window") != NULL;
}

const struct tr__hf_arch tr__hf_olmo3 = {
    .name = "olmo2",
    .class_name = { "Olmo3ForCausalLM" },
    .model_type = { "olmo3" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .fits = fits,
};
