/* SPDX-License-Identifier: MIT
 *
 * Falcon-H1: attention beside Mamba-2 in each block.  Its config.json has a factor for nearly
 * everything; in a GGUF they are in the weights, and what is exported from there has none.
 */
#include <libtrain/hf/archs/archs.h>

static float number(const struct tr_json *config, const char *field)
{
    const struct tr_json *v = tr_json_get(config, field);
    return v ? (float)tr_json_real(v) : 1;
}

static float entry(const struct tr_json *config, const char *field, size_t i)
{
    const struct tr_json *list = tr_json_get(config, field);
    return i < tr_json_count(list) ? (float)tr_json_real(tr_json_at(list, i)) : 1;
}

#define FACTOR(name, first, second)                                                      \
    static void name(const struct tr_json *c, const struct tr__hf_place *p, int64_t r,   \
                     float by[2])                                                        \
    {                                                                                    \
        (void)p, (void)r;                                                                \
        by[0] = first;                                                                   \
        by[1] = second;                                                                  \
    }
FACTOR(of_down, entry(c, "mlp_multipliers", 1), 1)
FACTOR(of_gate, entry(c, "mlp_multipliers", 0), 1)
FACTOR(of_k, number(c, "key_multiplier"), number(c, "attention_in_multiplier"))
FACTOR(of_qv, number(c, "attention_in_multiplier"), 1)
FACTOR(of_attn, number(c, "attention_out_multiplier"), 1)
FACTOR(of_out, number(c, "ssm_out_multiplier"), 1)
FACTOR(of_head, number(c, "lm_head_multiplier"), 1)
FACTOR(of_embd, number(c, "embedding_multiplier"), 1)

/* Rows of the gate, of x, of B and C and of the steps have their own. */
static void of_in(const struct tr_json *c, const struct tr__hf_place *p, int64_t r,
                  float by[2])
{
    int64_t inner = tr_json_int(tr_json_get(c, "mamba_d_ssm"));
    int64_t state = tr_json_int(tr_json_get(c, "mamba_n_groups")) *
                    tr_json_int(tr_json_get(c, "mamba_d_state"));
    size_t i = r < inner               ? 0
               : r < 2 * inner         ? 1
               : r < 2 * inner + state ? 2
               : r < 2 * (inner + state) ? 3
                                         : 4;
    (void)p;
    by[0] = number(c, "ssm_in_multiplier");
    by[1] = entry(c, "ssm_multipliers", i);
}

#define HOW(of)                                                                          \
    static const struct tr__hf_how how_##of = { .name = #of, .factors = of_##of }
HOW(down);
HOW(gate);
HOW(qv);
HOW(k);
HOW(attn);
HOW(out);
HOW(head);
HOW(embd);
HOW(in);

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"), TR_HF_HEAD_DIM, TR_HF_IS("rms_norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "10000.0"), TR_HF_IS("max_position_embeddings", "8192"),
    TR_HF_IS("mamba_d_ssm", "1024"), TR_HF_IS("mamba_n_heads", "128"),
    TR_HF_IS("mamba_d_head", "8"), TR_HF_IS("mamba_n_groups", "1"),
    TR_HF_IS("mamba_d_state", "256"), TR_HF_IS("mamba_d_conv", "4"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "mamba_proj_bias", "false", { 0 } },
    { "projectors_bias", "false", { 0 } },
    { "mamba_norm_before_gate", NULL, { "true", "false" } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KIND(unscaled), TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("attention.head_count", "num_attention_heads"),
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("ssm.conv_kernel", "mamba_d_conv"), TR_HF_U32("ssm.inner_size", "mamba_d_ssm"),
    TR_HF_U32("ssm.state_size", "mamba_d_state"),
    TR_HF_U32("ssm.time_step_rank", "mamba_n_heads"),
    TR_HF_U32("ssm.group_count", "mamba_n_groups"), TR_HF_KEYS_RMS, TR_HF_KIND(file_type),
    TR_HF_U32("vocab_size", "vocab_size"),
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"), TR_HF_KIND(head_dim),
    TR_HF_KIND(rope_base), { 0 },
};
#define LAYER "model.layers.%d."
static const struct tr__hf_name tensor[] = {
    { "token_embd.weight", "model.embed_tokens.weight", &how_embd, 0 },
    { "output_norm.weight", "model.final_layernorm.weight", 0, 0 },
    { "output.weight", "lm_head.weight", &how_head, 1 },
    { "blk.%d.attn_norm.weight", LAYER "input_layernorm.weight", 0, 0 },
    { "blk.%d.ffn_norm", LAYER "pre_ff_layernorm.weight", 0, 0 },
    { "blk.%d.attn_q.weight", LAYER "self_attn.q_proj.weight", &how_qv, 0 },
    { "blk.%d.attn_k.weight", LAYER "self_attn.k_proj.weight", &how_k, 0 },
    { "blk.%d.attn_v.weight", LAYER "self_attn.v_proj.weight", &how_qv, 0 },
    { "blk.%d.attn_output.weight", LAYER "self_attn.o_proj.weight", &how_attn, 0 },
    { "blk.%d.ffn_gate.weight", LAYER "feed_forward.gate_proj.weight", &how_gate, 0 },
    { "blk.%d.ffn_up.weight", LAYER "feed_forward.up_proj.weight", 0, 0 },
    { "blk.%d.ffn_down.weight", LAYER "feed_forward.down_proj.weight", &how_down, 0 },
    { "blk.%d.ssm_in.weight", LAYER "mamba.in_proj.weight", &how_in, 0 },
    { "blk.%d.ssm_conv1d.weight", LAYER "mamba.conv1d.weight", 0, 0 },
    { "blk.%d.ssm_conv1d.bias", LAYER "mamba.conv1d.bias", 0, 1 },
    { "blk.%d.ssm_dt.bias", LAYER "mamba.dt_bias", 0, 0 },
    { "blk.%d.ssm_a", LAYER "mamba.A_log", &tr__hf_minus_exp_column, 0 },
    { "blk.%d.ssm_d", LAYER "mamba.D", &tr__hf_column_of, 0 },
    { "blk.%d.ssm_norm.weight", LAYER "mamba.norm.weight", &tr__hf_group_rows, 1 },
    { "blk.%d.ssm_out.weight", LAYER "mamba.out_proj.weight", &how_out, 0 },
    { 0 },
};

const struct tr__hf_arch tr__hf_falcon_h1 = {
    .name = "falcon-h1",
    .class_name = { "FalconH1ForCausalLM" },
    .model_type = { "falcon_h1" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
