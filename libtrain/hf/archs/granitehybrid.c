/* SPDX-License-Identifier: MIT
 *
 * Granite 4: blocks of Mamba-2 and of attention without rope.  Where config.json has experts, the
 * MLP is the one that all positions see beside them.
 */
#include <libtrain/hf/archs/archs.h>

#include <string.h>

enum { CONTEXT = 1 << 20 }; /* what llama.cpp's converter writes where there is no rope */

static int set_context(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    (void)k, (void)err;
    tr_gguf_set_u32(in->w, "granitehybrid.context_length", CONTEXT);
    return 0;
}

static int get_context(const struct tr__hf_out *out, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    int64_t n;
    (void)k;
    int rc = tr_gguf_int(out->g, "granitehybrid.context_length", &n, err);
    return rc <= 0 ? rc
                   : tr__hf_put(out->config, "max_position_embeddings", tr_json_integer(n),
                                err);
}

static int set_kv(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    (void)k;
    return tr__hf_set_by_layer(in, "attention.head_count_kv", "layer_types", "attention",
                               (int32_t)in->size->n_head_kv, 0, err);
}

static int get_kv(const struct tr__hf_out *out, const struct tr__hf_key *k,
                  struct tr_err *err)
{
    (void)k;
    int rc = tr__hf_put_by_layer(out, "attention.head_count_kv", "layer_types", "attention",
                                 "mamba", err);
    return rc ? rc
              : tr__hf_put(out->config, "num_key_value_heads",
                           tr_json_integer(out->size->n_head_kv), err);
}

static int set_inner(const struct tr__hf_in *in, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    (void)k;
    int64_t by = tr_json_int(tr_json_get(in->config, "mamba_expand"));
    if (by < 1 || by > 64)
        return tr_err_set(err, TR_EFORMAT, "'%s': 'mamba_expand' is %lld", in->path,
                          (long long)by);
    tr_gguf_set_u32(in->w, "granitehybrid.ssm.inner_size",
                    (uint32_t)(by * in->size->n_embd));
    return 0;
}

static int get_inner(const struct tr__hf_out *out, const struct tr__hf_key *k,
                     struct tr_err *err)
{
    int64_t n;
    (void)k;
    int rc = tr_gguf_int(out->g, "granitehybrid.ssm.inner_size", &n, err);
    if (rc <= 0)
        return rc;
    rc = tr__hf_put(out->config, "mamba_expand",
                    tr_json_integer(n / out->size->n_embd), err);
    return rc ? rc
              : tr__hf_put(out->config, "mamba_d_head",
                           tr_json_integer(out->size->value_dim), err);
}

static int set_no_rope(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    (void)k, (void)err;
    tr_gguf_set_bool(in->w, "granitehybrid.rope.scaling.finetuned", 0);
    return 0;
}

/* transformers takes the norm of a state over all groups together, GGUF's over each; and of rope
 * nothing is written here. */
static int get_no_rope(const struct tr__hf_out *out, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    int rope = 0;
    (void)k;
    int rc = tr_gguf_bool(out->g, "granitehybrid.rope.scaling.finetuned", &rope, err);
    if (rc < 0)
        return rc;
    if (!rope && out->size->key_heads <= 1)
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': a granitehybrid with %s has no form of "
                      "Hugging Face here", tr_gguf_path(out->g), rope ? "rope" : "groups of heads");
}

/* A file may have no key of it: then its matrices tell. */
static int get_shared(const struct tr__hf_out *out, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    int64_t n;
    const char *rest;
    if (tr_gguf_int(out->g, "granitehybrid.expert_shared_feed_forward_length", &n, NULL) == 1)
        return tr__hf_u32.to_hf(out, k, err);
    for (size_t i = 0; i < tr_gguf_n_tensor(out->g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(out->g, i);
        if (tr_gguf_block(t->name, &rest) >= 0 && (!strcmp(rest, "ffn_gate_shexp.weight") ||
                                                   !strcmp(rest, "ffn_gate.weight")))
            return tr__hf_put(out->config, k->field[0], tr_json_integer(t->dim[0]), err);
    }
    return 0;
}

static int set_number(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    return tr__hf_u32.to_gguf(in, k, err);
}

/* What config.json means without it is 8. */
static int get_experts(const struct tr__hf_out *out, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    return tr_gguf_find_kv(out->g, "granitehybrid.expert_count")
               ? tr__hf_u32.to_hf(out, k, err)
               : tr__hf_put(out->config, k->field[0], tr_json_integer(0), err);
}

static const struct tr__hf_kind experts = { "experts", set_number, get_experts };
static const struct tr__hf_kind shared = { "width of the shared expert", set_number, get_shared };
static const struct tr__hf_kind context = { "context", set_context, get_context };
static const struct tr__hf_kind kv = { "heads of keys", set_kv, get_kv };
static const struct tr__hf_kind inner = { "width of the state", set_inner, get_inner };
static const struct tr__hf_kind no_rope = { "no rope", set_no_rope, get_no_rope };

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-06"), TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("num_local_experts", "8"), TR_HF_IS("num_experts_per_tok", "2"),
    TR_HF_IS("shared_intermediate_size", "1024"), TR_HF_IS("mamba_n_heads", "128"),
    TR_HF_IS("mamba_n_groups", "1"), TR_HF_IS("mamba_d_state", "256"),
    TR_HF_IS("mamba_d_conv", "4"), TR_HF_IS("mamba_expand", "2"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { "position_embedding_type", "\"nope\"", { "null" } },
    { "mamba_proj_bias", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_U32("block_count", "num_hidden_layers"), { .kind = &context },
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("attention.head_count", "num_attention_heads"), { .kind = &kv },
    TR_HF_KIND(rope), TR_HF_KEYS_RMS, { .kind = &experts, .key = "expert_count", .field = { "num_local_experts" } },
    TR_HF_U32("expert_used_count", "num_experts_per_tok"), TR_HF_KIND(file_type),
    TR_HF_U32("vocab_size", "vocab_size"), TR_HF_KIND(rope_dim), TR_HF_KEYS_SCALES,
    { .kind = &shared, .key = "expert_shared_feed_forward_length",
      .field = { "shared_intermediate_size" } },
    TR_HF_U32("ssm.conv_kernel", "mamba_d_conv"),
    TR_HF_U32("ssm.state_size", "mamba_d_state"),
    TR_HF_U32("ssm.group_count", "mamba_n_groups"), { .kind = &inner },
    TR_HF_U32("ssm.time_step_rank", "mamba_n_heads"), { .kind = &no_rope }, { 0 },
};
#define MAMBA "model.layers.%d.mamba."
#define MOE "model.layers.%d.block_sparse_moe."
#define SHARED "model.layers.%d.shared_mlp."
/* Of what the blocks have beside attention and MLP. */
#define BLOCKS                                                                           \
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS,                                  \
    { "blk.%d.ssm_in.weight", MAMBA "in_proj.weight", 0, 0 },                            \
    { "blk.%d.ssm_conv1d.weight", MAMBA "conv1d.weight", 0, 0 },                         \
    { "blk.%d.ssm_conv1d.bias", MAMBA "conv1d.bias", 0, 1 },                             \
    { "blk.%d.ssm_dt.bias", MAMBA "dt_bias", 0, 0 },                                     \
    { "blk.%d.ssm_a", MAMBA "A_log", &tr__hf_minus_exp_column, 0 },                      \
    { "blk.%d.ssm_d", MAMBA "D", &tr__hf_column_of, 0 },                                 \
    { "blk.%d.ssm_norm.weight", MAMBA "norm.weight", &tr__hf_group_rows, 0 },            \
    { "blk.%d.ssm_out.weight", MAMBA "out_proj.weight", 0, 0 }
static const struct tr__hf_name tensor[] = {
    BLOCKS,
    { "blk.%d.ffn_gate.weight", SHARED "input_linear.weight", &tr__hf_half_0, 0 },
    { "blk.%d.ffn_up.weight", SHARED "input_linear.weight", &tr__hf_half_1, 0 },
    { "blk.%d.ffn_down.weight", SHARED "output_linear.weight", 0, 0 },
    { 0 },
};
static const struct tr__hf_name with_experts[] = {
    BLOCKS,
    { "blk.%d.ffn_gate_inp.weight", MOE "router.layer.weight", 0, 0 },
    { "blk.%d.ffn_gate_exps.weight", MOE "input_linear.weight", &tr__hf_half_0, 0 },
    { "blk.%d.ffn_up_exps.weight", MOE "input_linear.weight", &tr__hf_half_1, 0 },
    { "blk.%d.ffn_down_exps.weight", MOE "output_linear.weight", 0, 0 },
    { "blk.%d.ffn_gate_shexp.weight", SHARED "input_linear.weight", &tr__hf_half_0, 0 },
    { "blk.%d.ffn_up_shexp.weight", SHARED "input_linear.weight", &tr__hf_half_1, 0 },
    { "blk.%d.ffn_down_shexp.weight", SHARED "output_linear.weight", 0, 0 },
    { 0 },
};

static int has_experts(const struct tr_gguf *g)
{
    int64_t n = 0;
    return tr_gguf_int(g, "granitehybrid.expert_count", &n, NULL) == 1 && n > 0;
}

static int config_has_experts(const struct tr_json *config)
{
    const struct tr_json *n = tr_json_get(config, "num_local_experts");
    return !n || tr_json_int(n) > 0;
}

const struct tr__hf_arch tr__hf_granitehybridmoe = {
    .name = "granitehybrid",
    .class_name = { "GraniteMoeHybridForCausalLM" },
    .model_type = { "granitemoehybrid" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = with_experts,
    .fits = has_experts, .fits_config = config_has_experts, .mixed = 1,
};

const struct tr__hf_arch tr__hf_granitehybrid = {
    .name = "granitehybrid",
    .class_name = { "GraniteMoeHybridForCausalLM" },
    .model_type = { "granitemoehybrid" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
};
