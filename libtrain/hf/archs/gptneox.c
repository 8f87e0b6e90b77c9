/* SPDX-License-Identifier: MIT
 *
 * GPT-NeoX and Pythia: one matrix for q, k and v, head by head.
 */
#include <libtrain/hf/archs/archs.h>

#define LAYER "gpt_neox.layers.%d."
static const struct tr__hf_default missing[] = {
    TR_HF_IS("layer_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    TR_HF_IS("partial_rotary_factor", "0.25"),
    TR_HF_IS("use_parallel_residual", "true"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_act", "\"gelu\"", { 0 } },
    { "rope_parameters.rope_theta", "10000.0", { "10000" } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KIND(unscaled),
    TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("feed_forward_length", "intermediate_size"), TR_HF_KIND(rope_part),
    TR_HF_U32("attention.head_count", "num_attention_heads"),
    TR_HF_BOOL("use_parallel_residual", "use_parallel_residual"), TR_HF_KEYS_LAYER,
    TR_HF_HAS("attn_qkv.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "gpt_neox.embed_in.weight", 0, 0 },
    { "output.weight", "embed_out.weight", 0, 1 },
    TR_HF_BOTH("output_norm", "gpt_neox.final_layer_norm"),
    TR_HF_BOTH("blk.%d.attn_norm", LAYER "input_layernorm"),
    TR_HF_BOTH("blk.%d.ffn_norm", LAYER "post_attention_layernorm"),
    TR_HF_BOTH_AS("blk.%d.attn_qkv", LAYER "attention.query_key_value", qkv_heads),
    TR_HF_BOTH("blk.%d.attn_output", LAYER "attention.dense"),
    TR_HF_BOTH("blk.%d.ffn_up", LAYER "mlp.dense_h_to_4h"),
    TR_HF_BOTH("blk.%d.ffn_down", LAYER "mlp.dense_4h_to_h"),
    TR_HF_LEFT_OUT(LAYER "attention.bias"), TR_HF_LEFT_OUT(LAYER "attention.masked_bias"),
    TR_HF_LEFT_OUT(LAYER "attention.rotary_emb.inv_freq"), { 0 },
};

const struct tr__hf_arch tr__hf_gptneox = {
    .name = "gptneox",
    .class_name = { "GPTNeoXForCausalLM" },
    .model_type = { "gpt_neox" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
