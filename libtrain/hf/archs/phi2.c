/* SPDX-License-Identifier: MIT
 *
 * Phi-2: parallel blocks, biases everywhere, rope on a part of the head.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("layer_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    TR_HF_IS("partial_rotary_factor", "0.5"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_act", "\"gelu_new\"", { "\"gelu_pytorch_tanh\"" } },
    { "qk_layernorm", "false", { 0 } },
    { "rope_parameters.rope_theta", "10000.0", { "10000" } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KIND(unscaled),
    TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("attention.head_count", "num_attention_heads"),
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"), TR_HF_KEYS_LAYER,
    TR_HF_KIND(rope_part), TR_HF_KIND(file_type), TR_HF_KIND(no_bos), { 0 },
};
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },
    TR_HF_BOTH("output", "lm_head"), TR_HF_BOTH("output_norm", "model.final_layernorm"),
    TR_HF_BOTH("blk.%d.attn_norm", "model.layers.%d.input_layernorm"),
    TR_HF_BOTH("blk.%d.attn_q", "model.layers.%d.self_attn.q_proj"),
    TR_HF_BOTH("blk.%d.attn_k", "model.layers.%d.self_attn.k_proj"),
    TR_HF_BOTH("blk.%d.attn_v", "model.layers.%d.self_attn.v_proj"),
    TR_HF_BOTH("blk.%d.attn_output", "model.layers.%d.self_attn.dense"),
    TR_HF_PLAIN_MLP("model.layers.%d.mlp", "fc1", "fc2"), { 0 },
};

const struct tr__hf_arch tr__hf_phi2 = {
    .name = "phi2",
    .class_name = { "PhiForCausalLM" },
    .model_type = { "phi" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
