/* SPDX-License-Identifier: MIT
 *
 * InternLM2: q, k and v of the heads that share a key are one behind the other.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "bias", "false", { 0 } },
    { "rope_scaling", "null", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END, { 0 },
};
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "model.tok_embeddings.weight", 0, 0 },
    { "output_norm.weight", "model.norm.weight", 0, 0 },
    { "output.weight", "output.weight", 0, 1 },
    { "blk.%d.attn_norm.weight", "model.layers.%d.attention_norm.weight", 0, 0 },
    { "blk.%d.ffn_norm.weight", "model.layers.%d.ffn_norm.weight", 0, 0 },
    { "blk.%d.attn_q.weight", "model.layers.%d.attention.wqkv.weight", &tr__hf_groups_q, 0 },
    { "blk.%d.attn_k.weight", "model.layers.%d.attention.wqkv.weight", &tr__hf_groups_k, 0 },
    { "blk.%d.attn_v.weight", "model.layers.%d.attention.wqkv.weight", &tr__hf_groups_v, 0 },
    { "blk.%d.attn_output.weight", "model.layers.%d.attention.wo.weight", 0, 0 },
    { "blk.%d.ffn_gate.weight", "model.layers.%d.feed_forward.w1.weight", 0, 0 },
    { "blk.%d.ffn_down.weight", "model.layers.%d.feed_forward.w2.weight", 0, 0 },
    { "blk.%d.ffn_up.weight", "model.layers.%d.feed_forward.w3.weight", 0, 0 }, { 0 },
};

const struct tr__hf_arch tr__hf_internlm2 = {
    .name = "internlm2",
    .class_name = { "InternLM2ForCausalLM" },
    .model_type = { "internlm2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
