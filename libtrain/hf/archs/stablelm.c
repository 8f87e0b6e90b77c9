/* SPDX-License-Identifier: MIT
 *
 * StableLM 2: layer norms, rope on a part of the head.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "32"),
    TR_HF_IS("layer_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "4096"),
    TR_HF_IS("partial_rotary_factor", "0.25"),
    TR_HF_IS("use_parallel_residual", "false"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "qk_layernorm", "false", { 0 } },
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
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"),
    TR_HF_BOOL("use_parallel_residual", "use_parallel_residual"), TR_HF_KEYS_LAYER,
    TR_HF_KIND(file_type),
    TR_HF_HAS("attn_q.bias", "use_qkv_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_TABLES, TR_HF_BOTH("output_norm", "model.norm"),
    TR_HF_BOTH("blk.%d.attn_norm", "model.layers.%d.input_layernorm"),
    /* with a parallel residual there is none */
    { "blk.%d.ffn_norm.weight", "model.layers.%d.post_attention_layernorm.weight", 0, 1 },
    { "blk.%d.ffn_norm.bias", "model.layers.%d.post_attention_layernorm.bias", 0, 1 },
    TR_HF_ATTENTION, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_stablelm = {
    .name = "stablelm",
    .class_name = { "StableLmForCausalLM", "StableLMEpochForCausalLM" },
    .model_type = { "stablelm", "stablelm_epoch" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
