/* SPDX-License-Identifier: MIT
 *
 * GLM-4: norms before and behind, one matrix for gate and up, rope on half the head.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "2"),
    TR_HF_IS("rms_norm_eps", "1.5625e-07"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "131072"),
    TR_HF_IS("head_dim", "128"),
    TR_HF_IS("partial_rotary_factor", "0.5"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "rope_parameters.mrope_section", "null", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_KIND(rope_part_head),
    TR_HF_HAS("attn_q.bias", "attention_bias"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS,
    { "blk.%d.post_attention_norm.weight",
      "model.layers.%d.post_self_attn_layernorm.weight", 0, 0 },
    { "blk.%d.post_ffw_norm.weight", "model.layers.%d.post_mlp_layernorm.weight", 0, 0 },
    TR_HF_ATTENTION,
    { "blk.%d.ffn_up.weight", "model.layers.%d.mlp.gate_up_proj.weight", 0, 0 },
    { "blk.%d.ffn_down.weight", "model.layers.%d.mlp.down_proj.weight", 0, 0 }, { 0 },
};

const struct tr__hf_arch tr__hf_glm4 = {
    .name = "glm4",
    .class_name = { "Glm4ForCausalLM" },
    .model_type = { "glm4" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
