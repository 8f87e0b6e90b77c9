/* SPDX-License-Identifier: MIT
 *
 * LFM2: blocks of attention, and others of a short convolution, which have no heads of keys.
 */
#include <libtrain/hf/archs/archs.h>

/* config.json may tell the width of the MLP as a rule: two thirds, times a factor, rounded
 * up. */
static int set_ff(const struct tr__hf_in *in, const struct tr__hf_key *k, struct tr_err *err)
{
    const struct tr_json *c = in->config, *of = tr_json_get(c, "block_ff_dim");
    int64_t ff = tr_json_int(of ? of : tr_json_get(c, "intermediate_size"));
    int64_t step = tr_json_int(tr_json_get(c, "block_multiple_of"));
    const struct tr_json *by = tr_json_get(c, "block_ffn_dim_multiplier");
    (void)k;
    if (tr_json_bool(tr_json_get(c, "block_auto_adjust_ff_dim")) && step > 0) {
        ff = 2 * ff / 3;
        ff = by ? (int64_t)(tr_json_real(by) * (double)ff) : ff;
        ff = step * ((ff + step - 1) / step);
    }
    if (ff < 1 || ff > INT32_MAX)
        return tr_err_set(err, TR_EFORMAT, "'%s': no 'intermediate_size', which a model of lfm2 "
                          "needs", in->path);
    tr_gguf_set_u32(in->w, "lfm2.feed_forward_length", (uint32_t)ff);
    return 0;
}

static int get_ff(const struct tr__hf_out *out, const struct tr__hf_key *k,
                  struct tr_err *err)
{
    int64_t ff;
    (void)k;
    int rc = tr_gguf_int(out->g, "lfm2.feed_forward_length", &ff, err);
    if (rc <= 0)
        return rc;
    rc = tr__hf_put(out->config, "intermediate_size", tr_json_integer(ff), err);
    return rc ? rc
              : tr__hf_put(out->config, "block_auto_adjust_ff_dim", tr_json_truth(0), err);
}

static const struct tr__hf_kind feed_forward = { "width of the MLP", set_ff, get_ff };

static const struct tr__hf_default missing[] = {
    TR_HF_IS("num_key_value_heads", "8"), TR_HF_IS("norm_eps", "1e-05"),
    TR_HF_IS("rope_theta", "1000000.0"), TR_HF_IS("max_position_embeddings", "128000"),
    TR_HF_IS("conv_L_cache", "3"), TR_HF_IS("block_multiple_of", "256"),
    TR_HF_IS("block_ffn_dim_multiplier", "1.0"),
    TR_HF_IS("block_auto_adjust_ff_dim", "true"),
    { 0 },
};
static const struct tr__hf_fixed fixed[] = {
    { "conv_bias", "false", { 0 } },
    { 0 },
};
static const struct tr__hf_key key[] = {
    TR_HF_U32("block_count", "num_hidden_layers"),
    TR_HF_U32("context_length", "max_position_embeddings"),
    TR_HF_U32("embedding_length", "hidden_size"), { .kind = &feed_forward },
    TR_HF_U32("attention.head_count", "num_attention_heads"), TR_HF_KIND(kv_by_layer),
    TR_HF_KIND(rope), TR_HF_F32("attention.layer_norm_rms_epsilon", "norm_eps"),
    TR_HF_KIND(file_type), TR_HF_U32("vocab_size", "vocab_size"),
    TR_HF_U32("shortconv.l_cache", "conv_L_cache"), { 0 },
};
static const struct tr__hf_name tensor[] = {
    TR_HF_LFM2_BLOCKS,
    { "blk.%d.ffn_gate.weight", "model.layers.%d.feed_forward.w1.weight", 0, 0 },
    { "blk.%d.ffn_down.weight", "model.layers.%d.feed_forward.w2.weight", 0, 0 },
    { "blk.%d.ffn_up.weight", "model.layers.%d.feed_forward.w3.weight", 0, 0 },
    { 0 },
};

const struct tr__hf_arch tr__hf_lfm2 = {
    .name = "lfm2",
    .class_name = { "Lfm2ForCausalLM", "LFM2ForCausalLM" },
    .model_type = { "lfm2" },
    .missing = missing, .fixed = fixed, .key = key, .tensor = tensor, .mixed = 1,
};
