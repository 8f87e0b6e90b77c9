/* SPDX-License-Identifier: MIT
 *
 * Arcee: Llama with an MLP without a gate.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "4096"),
    TR_HF_HEAD_DIM,
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_act", "\"relu2\"", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim),
    TR_HF_HAS("attn_q.bias", "attention_bias"), TR_HF_HAS("ffn_up.bias", "mlp_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LLAMA3, TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS,
    TR_HF_PLAIN_MLP("model.layers.%d.mlp", "up_proj", "down_proj"), { 0 },
};

const struct tr__hf_arch tr__hf_arcee = {
    .name = "arcee",
    .class_name = { "ArceeForCausalLM" },
    .model_type = { "arcee" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
