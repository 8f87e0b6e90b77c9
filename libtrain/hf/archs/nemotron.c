/* SPDX-License-Identifier: MIT
 *
 * Nemotron: layer norms that are stored without the one that is added to them.
 */
#include <libtrain/hf/archs/archs.h>

#define NORM(to, from)                                                                   \
    { to ".weight", from ".weight", &tr__hf_plus_one, 0 }, { to ".bias", from ".bias", 0, 0 }
static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "4096"),
    TR_HF_IS("partial_rotary_factor", "0.5"),
    TR_HF_HEAD_DIM,
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_act", "\"relu2\"", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope),
    TR_HF_F32("attention.layer_norm_rms_epsilon", "norm_eps"), TR_HF_KEYS_END,
    TR_HF_U32("vocab_size", "vocab_size"),
    TR_HF_F32("attention.layer_norm_epsilon", "norm_eps"), TR_HF_KIND(rope_part),
    TR_HF_KIND(not_scaled),
    TR_HF_HAS("attn_q.bias", "attention_bias"), TR_HF_HAS("ffn_up.bias", "mlp_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_TABLES, NORM("output_norm", "model.norm"),
    NORM("blk.%d.attn_norm", "model.layers.%d.input_layernorm"),
    NORM("blk.%d.ffn_norm", "model.layers.%d.post_attention_layernorm"), TR_HF_ATTENTION,
    TR_HF_PLAIN_MLP("model.layers.%d.mlp", "up_proj", "down_proj"), { 0 },
};

const struct tr__hf_arch tr__hf_nemotron = {
    .name = "nemotron",
    .class_name = { "NemotronForCausalLM" },
    .model_type = { "nemotron" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
