/* SPDX-License-Identifier: MIT
 *
 * Gemma 2: norms before and behind, soft caps, a window in every other block.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "4"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "8192"),
    TR_HF_IS("head_dim", "256"),
    TR_HF_IS("attn_logit_softcapping", "50.0"),
    TR_HF_IS("final_logit_softcapping", "30.0"),
    TR_HF_IS("sliding_window", "4096"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_activation", "\"gelu_pytorch_tanh\"", { 0 } },
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
    TR_HF_KIND(head_dim), TR_HF_KIND(file_type),
    TR_HF_F32("attn_logit_softcapping", "attn_logit_softcapping"),
    TR_HF_F32("final_logit_softcapping", "final_logit_softcapping"),
    TR_HF_U32("attention.sliding_window", "sliding_window"), TR_HF_KIND(query_scale), { 0 },
};
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },
    { "output_norm.weight", "model.norm.weight", &tr__hf_plus_one, 0 },
    TR_HF_LEFT_OUT("lm_head.weight"), TR_HF_FOUR_NORMS(&tr__hf_plus_one), TR_HF_ATTENTION,
    TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_gemma2 = {
    .name = "gemma2",
    .class_name = { "Gemma2ForCausalLM" },
    .model_type = { "gemma2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
