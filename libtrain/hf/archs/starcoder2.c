/* SPDX-License-Identifier: MIT
 *
 * StarCoder 2: layer norms and biases everywhere, an MLP without a gate.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "2"),
    TR_HF_IS("norm_epsilon", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "4096"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "hidden_act", "\"gelu_pytorch_tanh\"", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope),
    TR_HF_F32("attention.layer_norm_epsilon", "norm_epsilon"), TR_HF_KIND(file_type),
    TR_HF_HAS("attn_q.bias", "use_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_TABLES, TR_HF_LAYER_NORMS("model.norm"), TR_HF_ATTENTION,
    TR_HF_PLAIN_MLP("model.layers.%d.mlp", "c_fc", "c_proj"), { 0 },
};

const struct tr__hf_arch tr__hf_starcoder2 = {
    .name = "starcoder2",
    .class_name = { "Starcoder2ForCausalLM" },
    .model_type = { "starcoder2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
