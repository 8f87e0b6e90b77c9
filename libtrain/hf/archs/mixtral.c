/* SPDX-License-Identifier: MIT
 *
 * Mixtral: Llama with experts, each of which is three tensors.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"),
    TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "1000000.0"),
    TR_HF_IS("max_position_embeddings", "131072"),
    TR_HF_IS("num_local_experts", "8"),
    TR_HF_IS("num_experts_per_tok", "2"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS,
    TR_HF_U32("expert_count", "num_local_experts"),
    TR_HF_U32("expert_used_count", "num_experts_per_tok"),
    TR_HF_KEYS_END,
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim), { 0 },
};
#define EXPERT "model.layers.%d.block_sparse_moe.experts.%d."
static const struct tr__hf_name tensor[] = {
    TR_HF_LLAMA3, TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS,
    { "blk.%d.ffn_gate_inp.weight", "model.layers.%d.block_sparse_moe.gate.weight", 0, 0 },
    { "blk.%d.ffn_gate_exps.weight", EXPERT "w1.weight", 0, 0 },
    { "blk.%d.ffn_down_exps.weight", EXPERT "w2.weight", 0, 0 },
    { "blk.%d.ffn_up_exps.weight", EXPERT "w3.weight", 0, 0 },
    { 0 },
};

static int fits(const struct tr_gguf *g)
{
    int64_t n = 0;
    return tr_gguf_int(g, "llama.expert_count", &n, NULL) == 1 && n > 0;
}

const struct tr__hf_arch tr__hf_mixtral = {
    .name = "llama",
    .class_name = { "MixtralForCausalLM" },
    .model_type = { "mixtral" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .fits = fits,
};
