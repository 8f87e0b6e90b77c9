/* SPDX-License-Identifier: MIT
 *
 * Phi-3 and Phi-4: one matrix for q, k and v, one for gate and up.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "4096"),
    TR_HF_IS("original_max_position_embeddings", "4096"),
    TR_HF_IS("partial_rotary_factor", "1.0"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KIND(long_or_unscaled),
    { .kind = &tr__hf_long_attn, .front = 1 },
    TR_HF_U32("context_length", "max_position_embeddings"), TR_HF_KIND(original),
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("attention.head_count", "num_attention_heads"),
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"), TR_HF_KEYS_RMS,
    TR_HF_KIND(rope_part), TR_HF_KIND(rope_base), TR_HF_KIND(file_type),
    TR_HF_KIND(window_or_0), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LONGROPE, TR_HF_ENDS, TR_HF_PRE_NORMS,
    { "blk.%d.attn_qkv.weight", "model.layers.%d.self_attn.qkv_proj.weight", 0, 0 },
    { "blk.%d.attn_output.weight", "model.layers.%d.self_attn.o_proj.weight", 0, 0 },
    { "blk.%d.ffn_up.weight", "model.layers.%d.mlp.gate_up_proj.weight", 0, 0 },
    { "blk.%d.ffn_down.weight", "model.layers.%d.mlp.down_proj.weight", 0, 0 }, { 0 },
};

const struct tr__hf_arch tr__hf_phi3 = {
    .name = "phi3",
    .class_name = { "Phi3ForCausalLM" },
    .model_type = { "phi3" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
