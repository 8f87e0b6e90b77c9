/* SPDX-License-Identifier: MIT
 *
 * Gemma 3: five blocks of six have a window and their own base of rope.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "4"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "1000000.0"),
    TR_HF_IS("max_position_embeddings", "131072"),
    TR_HF_IS("num_attention_heads", "8"),
    TR_HF_IS("head_dim", "256"),
    TR_HF_IS("rope_local_base_freq", "10000.0"),
    TR_HF_IS("sliding_window", "4096"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_activation", "\"gelu_pytorch_tanh\"", { 0 } },
    { "attn_logit_softcapping", "null", { 0 } },
    { "use_bidirectional_attention", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_F32_MAY("final_logit_softcapping", "final_logit_softcapping"),
    TR_HF_U32("attention.sliding_window", "sliding_window"), TR_HF_KIND(query_scale), { 0 },
};
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "model.embed_tokens.weight", 0, 0 },
    { "output_norm.weight", "model.norm.weight", &tr__hf_plus_one, 0 },
    TR_HF_LEFT_OUT("lm_head.weight"), TR_HF_FOUR_NORMS(&tr__hf_plus_one), TR_HF_ATTENTION,
    { "blk.%d.attn_q_norm.weight", "model.layers.%d.self_attn.q_norm.weight",
      &tr__hf_plus_one, 0 },
    { "blk.%d.attn_k_norm.weight", "model.layers.%d.self_attn.k_norm.weight",
      &tr__hf_plus_one, 0 },
    TR_HF_GATED_MLP, { 0 },
};

const struct tr__hf_arch tr__hf_gemma3 = {
    .name = "gemma3",
    .class_name = { "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration" },
    .model_type = { "gemma3_text", "gemma3" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
