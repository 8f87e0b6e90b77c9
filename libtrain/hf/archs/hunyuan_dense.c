/* SPDX-License-Identifier: MIT
 *
 * Hunyuan: Llama with q and k normed behind rope, whose base grows with a number "alpha"; its
 * contexts are of 256k whatever config.json says, as llama.cpp's converter has it.
 */
#include <libtrain/hf/archs/archs.h>

#include <math.h>
#include <string.h>

enum { CONTEXT = 256 * 1024 };

static int is_dynamic(const struct tr__hf_in *in)
{
    size_t n;
    const struct tr_json *type = tr__hf_field(in->config, "rope_parameters.rope_type");
    return type && strcmp(tr_json_string(type, &n), "dynamic") == 0;
}

static int set_context(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    int64_t n = tr_json_int(tr_json_get(in->config, "max_position_embeddings"));
    (void)k;
    if (is_dynamic(in) && n != CONTEXT / 8 && n != CONTEXT)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': rope of type 'dynamic' for contexts of "
                          "%lld; of 32768 and 262144 it is known", in->path, (long long)n);
    tr_gguf_set_u32(in->w, "hunyuan-dense.context_length",
                    is_dynamic(in) ? CONTEXT : (uint32_t)n);
    return 0;
}

static int get_context(const struct tr__hf_out *out, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    int64_t n;
    (void)k;
    int rc = tr_gguf_int(out->g, "hunyuan-dense.context_length", &n, err);
    return rc <= 0 ? rc
                   : tr__hf_put(out->config, "max_position_embeddings", tr_json_integer(n),
                                err);
}

static int set_base(const struct tr__hf_in *in, const struct tr__hf_key *k,
                    struct tr_err *err)
{
    const struct tr_json *rope = tr__hf_rope_of(in->config);
    const struct tr_json *alpha = tr_json_get(rope, "alpha");
    double base = tr_json_real(tr_json_get(rope, "rope_theta"));
    double n = (double)in->size->head_dim;
    if (!is_dynamic(in))
        return tr__hf_rope.to_gguf(in, k, err);
    if (base != 10000 || n < 4)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': rope of type 'dynamic' with the base "
                          "%g and heads of %g", in->path, base, n);
    base *= pow(alpha ? tr_json_real(alpha) : 50, n / (n - 2));
    tr_gguf_set_f32(in->w, "hunyuan-dense.rope.freq_base", (float)base);
    return 0;
}

static int set_scaling(const struct tr__hf_in *in, const struct tr__hf_key *k,
                       struct tr_err *err)
{
    (void)k, (void)err;
    if (!is_dynamic(in))
        return 0;
    tr_gguf_set_string(in->w, "hunyuan-dense.rope.scaling.type", "none");
    tr_gguf_set_f32(in->w, "hunyuan-dense.rope.scaling.factor", 1);
    tr_gguf_set_u32(in->w, "hunyuan-dense.rope.scaling.original_context_length", CONTEXT);
    return 0;
}

static const struct tr__hf_kind context = { "context", set_context, get_context };
static const struct tr__hf_kind scaling = { "scaling", set_scaling, NULL };

/* The base as it is, once grown, which needs no scaling. */
static int get_base(const struct tr__hf_out *out, const struct tr__hf_key *k,
                    struct tr_err *err)
{
    struct tr_json *rope = tr_json_object();
    float v = 10000;
    (void)k;
    int rc = tr_gguf_f32(out->g, "hunyuan-dense.rope.freq_base", &v, err);
    if (rc >= 0)
        rc = tr__hf_put(out->config, "rope_parameters", rope, err);
    if (!rc)
        rc = tr__hf_put(rope, "rope_type", tr_json_text("default", 7), err);
    return rc ? rc : tr__hf_put(rope, "rope_theta", tr_json_number(tr__hf_short(v)), err);
}

static const struct tr__hf_kind base = { "base", set_base, get_base };

static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"), TR_HF_HEAD_DIM,
    TR_HF_IS("rms_norm_eps", "1e-05"), TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_U32("block_count", "num_hidden_layers"), { .kind = &context },
    TR_HF_U32("embedding_length", "hidden_size"),
    TR_HF_U32("feed_forward_length", "intermediate_size"),
    TR_HF_U32("attention.head_count", "num_attention_heads"),
    TR_HF_U32("attention.head_count_kv", "num_key_value_heads"), { .kind = &base },
    TR_HF_KEYS_RMS, TR_HF_KEYS_END, { .kind = &scaling }, { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION, TR_HF_GATED_MLP,
    { "blk.%d.attn_q_norm.weight", "model.layers.%d.self_attn.query_layernorm.weight", 0, 0 },
    { "blk.%d.attn_k_norm.weight", "model.layers.%d.self_attn.key_layernorm.weight", 0, 0 },
    { 0 },
};

const struct tr__hf_arch tr__hf_hunyuan_dense = {
    .name = "hunyuan-dense",
    .class_name = { "HunYuanDenseV1ForCausalLM" },
    .model_type = { "hunyuan_v1_dense" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
