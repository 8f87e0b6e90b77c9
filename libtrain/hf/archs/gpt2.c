/* SPDX-License-Identifier: MIT
 *
 * GPT-2: its linear layers are stored across.  Folders that were saved as the bare model have no
 * "transformer." in front of the names.
 */
#include <libtrain/hf/archs/archs.h>

static const struct tr__hf_default missing[] = {
    TR_HF_IS("n_positions", "1024"),
    TR_HF_IS("n_embd", "768"),
    TR_HF_IS("n_layer", "12"),
    TR_HF_IS("n_head", "12"),
    { .field = "n_inner", .of = "n_embd", .times = 4 },
    TR_HF_IS("layer_norm_epsilon", "1e-05"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "activation_function", "\"gelu_new\"", { "\"gelu_pytorch_tanh\"" } },
    { "add_cross_attention", "false", { 0 } },
    { "scale_attn_weights", "true", { 0 } },
    { "scale_attn_by_inverse_layer_idx", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_U32("block_count", "n_layer"),
    TR_HF_U32("context_length", "n_positions", "n_ctx"),
    TR_HF_U32("embedding_length", "n_embd"),
    TR_HF_U32("feed_forward_length", "n_inner"),
    TR_HF_U32("attention.head_count", "n_head"),
    TR_HF_F32("attention.layer_norm_epsilon", "layer_norm_epsilon"),
    TR_HF_KIND(file_type), { 0 },
};
#define CONV1D(to, from)                                                                 \
    { to ".weight", from ".weight", &tr__hf_transposed, 0 },                             \
    { to ".bias", from ".bias", 0, 0 }
#define LAYERS(h)                                                                        \
    { "token_embd.weight", h "wte.weight", 0, 0 },                                       \
    { "position_embd.weight", h "wpe.weight", 0, 0 },                                    \
    CONV1D("blk.%d.attn_qkv", h "h.%d.attn.c_attn"),                                     \
    CONV1D("blk.%d.attn_output", h "h.%d.attn.c_proj"),                                  \
    TR_HF_BOTH("blk.%d.attn_norm", h "h.%d.ln_1"),                                       \
    TR_HF_BOTH("blk.%d.ffn_norm", h "h.%d.ln_2"),                                        \
    CONV1D("blk.%d.ffn_up", h "h.%d.mlp.c_fc"),                                          \
    CONV1D("blk.%d.ffn_down", h "h.%d.mlp.c_proj"),                                      \
    TR_HF_BOTH("output_norm", h "ln_f"),                                                 \
    TR_HF_LEFT_OUT(h "h.%d.attn.bias"), TR_HF_LEFT_OUT(h "h.%d.attn.masked_bias")
static const struct tr__hf_name tensor[] = {
    LAYERS("transformer."), LAYERS(""),
    { "output.weight", "lm_head.weight", 0, 1 },
    { 0 },
};

const struct tr__hf_arch tr__hf_gpt2 = {
    .name = "gpt2",
    .class_name = { "GPT2LMHeadModel", "GPT2Model" },
    .model_type = { "gpt2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
