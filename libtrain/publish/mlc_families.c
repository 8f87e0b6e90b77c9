/* SPDX-License-Identifier: MIT
 *
 * Names and shapes of MLC, a table of data a family.  A library of WebLLM was compiled for all
 * of them, so what a table does not know cannot be carried: a tensor that is left over is
 * refused (mlc_weights.c).
 */
#include <libtrain/publish/mlc_families.h>

#include <stdio.h>

/* ---- rows that several families have ---------------------------------------------- */

#define MATRIX(to, ...) { .name = to, .part = { __VA_ARGS__ }, .packed = 1 }
#define TABLE(to, from) { .name = to, .part = { from }, .packed = 1, .table = 1 }
#define PLAIN(to, ...) { .name = to, .part = { __VA_ARGS__ } }
#define LAYER "model.layers.%d."
#define GEMMA3 "language_model.model."

#define HEAD(from) { .name = "lm_head.weight", .part = { from }, .packed = 1, .may = 1 }
#define ENDS \
    TABLE("model.embed_tokens.weight", "token_embd.weight"), \
    PLAIN("model.norm.weight", "output_norm.weight")
#define QKV(name) \
    MATRIX(LAYER "self_attn." name ".weight", "blk.%d.attn_q.weight", \
           "blk.%d.attn_k.weight", "blk.%d.attn_v.weight"), \
    MATRIX(LAYER "self_attn.o_proj.weight", "blk.%d.attn_output.weight")
#define MLP(layer) \
    MATRIX(layer "mlp.gate_up_proj.weight", "blk.%d.ffn_gate.weight", "blk.%d.ffn_up.weight"), \
    MATRIX(layer "mlp.down_proj.weight", "blk.%d.ffn_down.weight")
#define TWO_NORMS(layer) \
    PLAIN(layer "input_layernorm.weight", "blk.%d.attn_norm.weight"), \
    PLAIN(layer "post_attention_layernorm.weight", "blk.%d.ffn_norm.weight")
#define FOUR_NORMS(layer) \
    PLAIN(layer "input_layernorm.weight", "blk.%d.attn_norm.weight"), \
    PLAIN(layer "post_attention_layernorm.weight", "blk.%d.post_attention_norm.weight"), \
    PLAIN(layer "pre_feedforward_layernorm.weight", "blk.%d.ffn_norm.weight"), \
    PLAIN(layer "post_feedforward_layernorm.weight", "blk.%d.post_ffw_norm.weight")
#define HEAD_NORMS(layer) \
    PLAIN(layer "self_attn.q_norm.weight", "blk.%d.attn_q_norm.weight"), \
    PLAIN(layer "self_attn.k_norm.weight", "blk.%d.attn_k_norm.weight")

#define SAME(name) { name, name, NULL }
#define SIZES \
    SAME("hidden_size"), SAME("intermediate_size"), SAME("num_attention_heads"), \
    SAME("num_hidden_layers"), SAME("num_key_value_heads"), SAME("rms_norm_eps")
#define THETA "rope_parameters.rope_theta"
#define BASE { "position_embedding_base", THETA, "10000" }

/* ---- families --------------------------------------------------------------------- */

static const struct tr__mlc_tensor llama_tensor[] = {
    ENDS, HEAD("output.weight"), TWO_NORMS(LAYER), QKV("qkv_proj"), MLP(LAYER), { 0 },
};
static const struct tr__mlc_field llama_field[] = {
    SIZES, SAME("vocab_size"), SAME("tie_word_embeddings"), BASE, SAME("head_dim"),
    { "pipeline_parallel_stages", NULL, "1" }, { "disaggregation", NULL, "false" }, { 0 },
};
const struct tr__mlc_family tr__mlc_llama = {
    .arch = "llama", .model_type = "llama", .tensor = llama_tensor, .field = llama_field,
    .most_chunk = 8192,
};

static const struct tr__mlc_tensor qwen2_tensor[] = {
    ENDS, HEAD("output.weight"), TWO_NORMS(LAYER), QKV("c_attn"),
    PLAIN(LAYER "self_attn.c_attn.bias", "blk.%d.attn_q.bias", "blk.%d.attn_k.bias",
          "blk.%d.attn_v.bias"),
    MLP(LAYER), { 0 },
};
static const struct tr__mlc_field qwen2_field[] = {
    { "hidden_act", NULL, "\"silu\"" }, SIZES, { "rope_theta", THETA, "10000" },
    SAME("vocab_size"), SAME("tie_word_embeddings"), SAME("head_dim"),
    { "dtype", NULL, "\"float32\"" }, { 0 },
};
const struct tr__mlc_family tr__mlc_qwen2 = {
    .arch = "qwen2", .model_type = "qwen2", .tensor = qwen2_tensor, .field = qwen2_field,
    .most_chunk = 2048,
};

static const struct tr__mlc_tensor qwen3_tensor[] = {
    ENDS, HEAD("output.weight"), TWO_NORMS(LAYER), QKV("c_attn"), HEAD_NORMS(LAYER),
    MLP(LAYER), { 0 },
};
static const struct tr__mlc_field qwen3_field[] = {
    { "hidden_act", NULL, "\"silu\"" }, SIZES, { "attention_bias", NULL, "false" },
    { "rope_theta", THETA, "10000" }, SAME("vocab_size"), SAME("tie_word_embeddings"),
    SAME("head_dim"), { "dtype", NULL, "\"float32\"" }, { "weight_block_size", NULL, "null" },
    { 0 },
};
const struct tr__mlc_family tr__mlc_qwen3 = {
    .arch = "qwen3", .model_type = "qwen3", .tensor = qwen3_tensor, .field = qwen3_field,
    .most_chunk = 2048,
};

/* Norms of these are stored + 1, here as in GGUF. */
static const struct tr__mlc_tensor gemma_tensor[] = {
    ENDS, TWO_NORMS(LAYER), QKV("qkv_proj"), MLP(LAYER), { 0 },
};
#define GEMMA_SIZES \
    SIZES, SAME("head_dim"), { "attention_bias", NULL, "false" }, \
    { "hidden_activation", NULL, "\"gelu_pytorch_tanh\"" }
static const struct tr__mlc_field gemma_field[] = {
    GEMMA_SIZES, SAME("vocab_size"), BASE, { 0 },
};
const struct tr__mlc_family tr__mlc_gemma = {
    .arch = "gemma", .model_type = "gemma", .tensor = gemma_tensor, .field = gemma_field,
    .most_chunk = 8192,
};

static const struct tr__mlc_tensor gemma2_tensor[] = {
    ENDS, FOUR_NORMS(LAYER), QKV("qkv_proj"), MLP(LAYER), { 0 },
};
static const struct tr__mlc_field gemma2_field[] = {
    GEMMA_SIZES, SAME("vocab_size"), BASE, SAME("attn_logit_softcapping"),
    SAME("final_logit_softcapping"), SAME("query_pre_attn_scalar"), SAME("sliding_window"),
    { 0 },
};
const struct tr__mlc_family tr__mlc_gemma2 = {
    .arch = "gemma2", .model_type = "gemma2", .tensor = gemma2_tensor, .field = gemma2_field,
    .most_chunk = 8192, .window_context = 1,
};

static const struct tr__mlc_tensor gemma3_tensor[] = {
    TABLE(GEMMA3 "embed_tokens.weight", "token_embd.weight"),
    PLAIN(GEMMA3 "norm.weight", "output_norm.weight"),
    FOUR_NORMS(GEMMA3 "layers.%d."), HEAD_NORMS(GEMMA3 "layers.%d."),
    MATRIX(GEMMA3 "layers.%d.self_attn.q_proj.weight", "blk.%d.attn_q.weight"),
    MATRIX(GEMMA3 "layers.%d.self_attn.k_proj.weight", "blk.%d.attn_k.weight"),
    MATRIX(GEMMA3 "layers.%d.self_attn.v_proj.weight", "blk.%d.attn_v.weight"),
    MATRIX(GEMMA3 "layers.%d.self_attn.o_proj.weight", "blk.%d.attn_output.weight"),
    MLP(GEMMA3 "layers.%d."), { 0 },
};
static const struct tr__mlc_field gemma3_field[] = {
    GEMMA_SIZES, { "position_embedding_base", "rope_parameters.full_attention.rope_theta",
                   "1000000" },
    { "rope_scaling", NULL, "0" }, SAME("query_pre_attn_scalar"),
    { "sliding_window_size", "sliding_window", NULL }, { 0 },
};
const struct tr__mlc_family tr__mlc_gemma3 = {
    .arch = "gemma3", .model_type = "gemma3_text", .tensor = gemma3_tensor,
    .field = gemma3_field, .inside = "text_config", .most_chunk = 8192, .window_context = 8192,
};

#define PHI3 "transformer.h.%d."
static const struct tr__mlc_tensor phi3_tensor[] = {
    TABLE("transformer.embd.weight", "token_embd.weight"),
    PLAIN("transformer.norm.weight", "output_norm.weight"),
    HEAD("output.weight"),
    PLAIN(PHI3 "ln.weight", "blk.%d.attn_norm.weight"),
    PLAIN(PHI3 "post_attention_layernorm.weight", "blk.%d.ffn_norm.weight"),
    MATRIX(PHI3 "mixer.qkv_proj.weight", "blk.%d.attn_qkv.weight"),
    MATRIX(PHI3 "mixer.out_proj.weight", "blk.%d.attn_output.weight"),
    MATRIX(PHI3 "mlp.gate_up_proj.weight", "blk.%d.ffn_up.weight"),
    MATRIX(PHI3 "mlp.down_proj.weight", "blk.%d.ffn_down.weight"), { 0 },
};
static const struct tr__mlc_field phi3_field[] = {
    { "model_type", NULL, "\"phi3\"" }, SIZES, SAME("vocab_size"),
    SAME("max_position_embeddings"), BASE, { "original_max_position_embeddings",
    "rope_parameters.original_max_position_embeddings", "0" }, SAME("head_dim"),
    SAME("tie_word_embeddings"),
    { "partial_rotary_factor", "rope_parameters.partial_rotary_factor", "1.0" }, { 0 },
};
const struct tr__mlc_family tr__mlc_phi3 = {
    .arch = "phi3", .model_type = "phi3", .tensor = phi3_tensor, .field = phi3_field,
    .most_chunk = 8192,
};

#define GPT2 "transformer.h.%d."
#define BOTH(name, from) \
    MATRIX(GPT2 name ".weight", "blk.%d." from ".weight"), \
    PLAIN(GPT2 name ".bias", "blk.%d." from ".bias")
#define NORM(name, from) \
    PLAIN(name ".weight", from ".weight"), PLAIN(name ".bias", from ".bias")
static const struct tr__mlc_tensor gpt2_tensor[] = {
    MATRIX("lm_head.weight", "token_embd.weight"), /* packed by itself, as no table */
    TABLE("transformer.wte.weight", "token_embd.weight"),
    TABLE("transformer.wpe.weight", "position_embd.weight"),
    NORM("transformer.ln_f", "output_norm"), NORM(GPT2 "ln_1", "blk.%d.attn_norm"),
    NORM(GPT2 "ln_2", "blk.%d.ffn_norm"), BOTH("attn.c_attn", "attn_qkv"),
    BOTH("attn.c_proj", "attn_output"), BOTH("mlp.c_fc", "ffn_up"),
    BOTH("mlp.c_proj", "ffn_down"), { 0 },
};
static const struct tr__mlc_field gpt2_field[] = {
    SAME("vocab_size"), SAME("n_embd"), SAME("n_layer"), SAME("n_head"),
    SAME("layer_norm_epsilon"), SAME("n_inner"), SAME("head_dim"),
    { "scale_attn_by_inverse_layer_idx", NULL, "false" }, { 0 },
};
const struct tr__mlc_family tr__mlc_gpt2 = {
    .arch = "gpt2", .model_type = "gpt2", .tensor = gpt2_tensor, .field = gpt2_field,
    .most_chunk = 8192, .positions = 1,
};

/* ---- by name ---------------------------------------------------------------------- */

static const struct tr__mlc_family *const families[] = {
#define TR_MLC_FAMILY(name) &tr__mlc_##name,
#include <libtrain/publish/mlc_families.def>
#undef TR_MLC_FAMILY
};

const struct tr__mlc_family *tr__mlc_family_of(const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str arch = { "", 0 };
    char known[120] = "";
    size_t n = 0;
    if (tr_gguf_string(g, "general.architecture", &arch, err) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (tr_str_is(arch, families[i]->arch))
            return families[i];
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              families[i]->arch);
    }
    tr_err_set(err, TR_EUNSUPPORTED, "'%s' is of the architecture '%.*s', for which no names "
               "of MLC are known here; those are %s", tr_gguf_path(g),
               (int)(arch.len < 60 ? arch.len : 60), arch.ptr, known);
    return NULL;
}
