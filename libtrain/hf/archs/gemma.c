/* SPDX-License-Identifier: MIT
 *
 * Gemma: norms are stored without the one that is added to them; the output is the table.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "8192"),
    TR_HF_IS("head_dim", "256"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_act", "\"gelu_pytorch_tanh\"", { "\"gelu\"" } },
    { "hidden_activation", NULL, { "\"gelu_pytorch_tanh\"" } },
    { "rope_parameters.rope_theta", "10000.0", { "10000" } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KIND(unscaled),
    TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("attention.head_count", "num_attention_heads"),
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"), TR_HF_KEYS_RMS,
    TR_HF_KIND(head_dim), TR_HF_KIND(file_type), { 0 },
};
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },
    { "output_norm.weight", "model.norm.weight", &tr__hf_plus_one, 0 },
    TR_HF_LEFT_OUT("lm_head.weight"),
    { "blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight",
      &tr__hf_plus_one, 0 },
    { "blk.%d.ffn_norm.weight", "model.layers.%d.post_attention_layernorm.weight",
      &tr__hf_plus_one, 0 },
    TR_HF_ATTENTION, TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_gemma = {
    .name = "gemma",
    .class_name = { "GemmaForCausalLM" },
    .model_type = { "gemma" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
