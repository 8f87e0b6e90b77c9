/* SPDX-License-Identifier: MIT
 *
 * Command R7B: parallel blocks, a window in three of four, the fourth without rope.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("layer_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "8192"),
    TR_HF_HEAD_DIM,
    TR_HF_IS("logit_scale", "0.0625"),
    TR_HF_IS("sliding_window", "4096"),
    TR_HF_IS("partial_rotary_factor", "1.0"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_LAYER, TR_HF_KEYS_END,
    TR_HF_F32("logit_scale", "logit_scale"),
    TR_HF_U32("attention.sliding_window", "sliding_window"),
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_part), TR_HF_KIND(not_scaled),
    TR_HF_HAS("attn_q.bias", "attention_bias"),
    { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS,
    { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", 0, 0 },
    TR_HF_ATTENTION, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_cohere2 = {
    .name = "cohere2",
    .class_name = { "Cohere2ForCausalLM" },
    .model_type = { "cohere2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
