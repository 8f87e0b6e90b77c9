/* SPDX-License-Identifier: MIT
 *
 * MiniCPM: Llama with factors that config.json says in other words.
 */
#include <libtrain/hf/archs/archs.h>

#include <math.h>

static double number(const struct tr__hf_in *in, const char *field)
{
    return tr_json_real(tr_json_get(in->config, field));
}

static int set_residual(const struct tr__hf_in *in, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    (void)k, (void)err;
    tr_gguf_set_f32(in->w, "minicpm.residual_scale",
                    (float)(number(in, "scale_depth") / sqrt((double)in->size->n_layer)));
    return 0;
}

static int get_residual(const struct tr__hf_out *out, const struct tr__hf_key *k,
                        struct tr_err *err)
{
    (void)k;
    float v;
    int rc = tr_gguf_f32(out->g, "minicpm.residual_scale", &v, err);
    float depth = rc == 1 ? (float)((double)v * sqrt((double)out->size->n_layer)) : 0;
    return rc <= 0 ? rc
                   : tr__hf_put(out->config, "scale_depth",
                                tr_json_number(tr__hf_short(depth)), err);
}

static int set_logits(const struct tr__hf_in *in, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    double base = number(in, "dim_model_base");
    (void)k;
    if (!(base > 0) || !tr_json_get(in->config, "scale_depth"))
        return tr_err_set(err, TR_EFORMAT, "'%s': no 'dim_model_base' or 'scale_depth', which "
                          "a model of minicpm needs", in->path);
    tr_gguf_set_f32(in->w, "minicpm.logit_scale", (float)((double)in->size->n_embd / base));
    return 0;
}

static int get_logits(const struct tr__hf_out *out, const struct tr__hf_key *k,
                      struct tr_err *err)
{
    (void)k;
    float v;
    int rc = tr_gguf_f32(out->g, "minicpm.logit_scale", &v, err);
    int64_t base = rc == 1 && v > 0 ? (int64_t)((double)out->size->n_embd / (double)v + 0.5) : 0;
    return rc <= 0 ? rc
                   : tr__hf_put(out->config, "dim_model_base", tr_json_integer(base), err);
}

static const struct tr__hf_kind residual = { "residuals", set_residual, get_residual };
static const struct tr__hf_kind logits = { "logits", set_logits, get_logits };
static const struct tr__hf_default missing[] = {
    TR_HF_SAME("num_key_value_heads", "num_attention_heads"),
    TR_HF_IS("rms_norm_eps", "1e-06"),
    TR_HF_IS("rope_theta", "10000.0"),
    TR_HF_IS("max_position_embeddings", "2048"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    TR_HF_SILU,
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_KEYS_SIZES, TR_HF_KIND(rope), TR_HF_KEYS_RMS, TR_HF_KEYS_END,
    TR_HF_F32("embedding_scale", "scale_emb"), { .kind = &residual }, { .kind = &logits },
    { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LONGROPE, TR_HF_ENDS, TR_HF_PRE_NORMS, TR_HF_ATTENTION_PAIRS, TR_HF_GATED_MLP,
    { 0 },
};

const struct tr__hf_arch tr__hf_minicpm = {
    .name = "minicpm",
    .class_name = { "MiniCPMForCausalLM" },
    .model_type = { "minicpm" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor,
};
