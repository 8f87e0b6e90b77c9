/* SPDX-License-Identifier: MIT
 *
 * Every key "ARCH.…" that llama.cpp reads for the architectures here, and what becomes of
 * it: config.c reads it, or it has no effect on what is computed, or one value has none and
 * the others are refused by name.  Any other key of the architecture is told to the user: a
 * file that says more than is understood may be another model than it seems.
 */
#include <libtrain/model/model.h>

#include <stdio.h>
#include <string.h>

/* What config.c and layers.c read, for all architectures or those with a group of keys. */
static const struct {
    const char *suffix;
    unsigned group; /* enum tr_key_group */
} read_keys[] = {
    { "context_length", 0 },
    { "embedding_length", 0 },
    { "block_count", 0 },
    { "feed_forward_length", 0 },
    { "attention.head_count", 0 },
    { "attention.head_count_kv", 0 },
    { "attention.key_length", 0 },
    { "attention.value_length", 0 },
    { "rope.dimension_count", 0 },
    { "rope.freq_base", 0 },
    { "rope.scaling.type", 0 },
    { "rope.scaling.factor", 0 },
    { "rope.scale_linear", 0 },
    { "rope.scaling.attn_factor", 0 },
    { "rope.scaling.original_context_length", 0 },
    { "rope.scaling.yarn_ext_factor", 0 },
    { "rope.scaling.yarn_attn_factor", 0 },
    { "rope.scaling.yarn_beta_fast", 0 },
    { "rope.scaling.yarn_beta_slow", 0 },
    { "rope.scaling.yarn_log_multiplier", 0 },
    { "embedding_scale", TR_KEYS_SCALES },
    { "residual_scale", TR_KEYS_SCALES },
    { "attention.scale", TR_KEYS_SCALES },
    { "logit_scale", TR_KEYS_SCALES },
    { "attn_logit_softcapping", TR_KEYS_CAPS },
    { "final_logit_softcapping", TR_KEYS_CAPS },
    { "attention.sliding_window", TR_KEYS_WINDOW },
    { "attention.sliding_window_pattern", TR_KEYS_WINDOW },
    { "attention.key_length_swa", TR_KEYS_WINDOW },
    { "attention.value_length_swa", TR_KEYS_WINDOW },
    { "rope.dimension_count_swa", TR_KEYS_WINDOW },
    { "rope.freq_base_swa", TR_KEYS_WINDOW },
    { "attention.temperature_scale", TR_KEYS_GROW },
    { "use_parallel_residual", TR_KEYS_PARALLEL },
    { "shortconv.l_cache", TR_KEYS_SHORTCONV },
    { "attention.shared_kv_layers", TR_KEYS_ACROSS },
    { "embedding_length_per_layer_input", TR_KEYS_ACROSS },
    { "ssm.conv_kernel", TR_KEYS_SSM },
    { "ssm.state_size", TR_KEYS_SSM },
    { "ssm.group_count", TR_KEYS_SSM },
    { "ssm.time_step_rank", TR_KEYS_SSM },
    { "ssm.inner_size", TR_KEYS_SSM },
    { "attention.recurrent_layers", TR_KEYS_RECURRENT },
    { "full_attention_interval", TR_KEYS_RECURRENT },
    { "nextn_predict_layers", TR_KEYS_AHEAD },
    { "rope.scaling.finetuned", TR_KEYS_ROPE_SWITCH },
    { "expert_count", TR_KEYS_EXPERTS },
    { "expert_used_count", TR_KEYS_EXPERTS },
    { "expert_group_count", TR_KEYS_EXPERTS },
    { "expert_feed_forward_length", TR_KEYS_EXPERT_FF },
    { "expert_shared_feed_forward_length", TR_KEYS_SHARED },
    { "expert_shared_count", TR_KEYS_SHARED_COUNT },
    { "expert_weights_norm", TR_KEYS_EXPERT_WEIGHTS },
    { "expert_weights_scale", TR_KEYS_EXPERT_WEIGHTS },
    { "expert_gating_func", TR_KEYS_GATING },
    { "leading_dense_block_count", TR_KEYS_GATING },
};

static const char *const without_effect[] = {
    /* the tensors say it, in sizes and in the order of their rows */
    "vocab_size", "tensor_data_layout",
    /* what is made of the last norm's rows beside logits */
    "embedding_length_out", "pooling_type", "classifier.output_labels",
    /* of experts, where there are none, or of one group of them */
    "expert_used_count", "expert_group_count", "expert_group_used_count",
    "expert_shared_feed_forward_length",
    /* of experts that all positions see, whose width is read */
    "expert_shared_count",
    /* of layers with a window, where there are none */
    "attention.key_length_swa", "attention.value_length_swa", "rope.dimension_count_swa",
    /* of the other kind of norm */
    "attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon",
    /* of positions in images, which texts have none of */
    "rope.dimension_sections",
    /* how the model was made */
    "rope.scaling.finetuned",
    /* of a kind of rope scaling that another architecture has */
    "rope.scaling.alpha",
};

/* Keys of which one value is no change, and what the others ask for. */
static const struct fixed_key {
    const char *suffix;
    int is_bool;
    int64_t value; /* also where the key is absent */
    const char *others;
    unsigned unless; /* enum tr_key_group: architectures that read it */
} fixed_keys[] = {
    { "attention.causal", 1, 1, "attention without a causal mask", 0 },
    { "expert_count", 0, 0, "mixture of experts", TR_KEYS_EXPERTS },
};

enum {
    N_READ = sizeof read_keys / sizeof *read_keys,
    N_WITHOUT = sizeof without_effect / sizeof *without_effect,
    N_FIXED = sizeof fixed_keys / sizeof *fixed_keys
};

static int check_fixed(const struct tr_gguf *g, const struct tr_arch *arch,
                       const struct fixed_key *f, struct tr_err *err)
{
    char key[TR__KEY_BYTES], number[24];
    const char *text = number;
    int64_t v = f->value;
    int is_true = v != 0;
    if (arch->keys & f->unless)
        return 0;
    tr__key_name(key, arch, f->suffix);
    int found = f->is_bool ? tr_gguf_bool(g, key, &is_true, err)
                           : tr_gguf_int(g, key, &v, err);
    if (found < 0)
        return found;
    if (f->is_bool ? is_true == f->value : v == f->value)
        return 0;
    if (f->is_bool)
        text = is_true ? "true" : "false";
    else
        snprintf(number, sizeof number, "%lld", (long long)v);
    return tr_err_set(err, TR_EUNSUPPORTED, "%s: %s (%s is %s) is not supported",
                      tr_gguf_path(g), f->others, key, text);
}

int tr__keys_check(const struct tr_gguf *g, const struct tr_arch *arch, struct tr_err *err)
{
    for (int i = 0; i < N_FIXED; i++) {
        int rc = check_fixed(g, arch, &fixed_keys[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static int is_in(const char *const *list, int n, const char *suffix)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(list[i], suffix))
            return 1;
    return 0;
}

static int is_read(const struct tr_arch *arch, const char *suffix)
{
    if (!strcmp(arch->eps_key, suffix))
        return 1;
    for (int i = 0; i < N_READ; i++)
        if (!strcmp(read_keys[i].suffix, suffix))
            return !read_keys[i].group || read_keys[i].group & arch->keys;
    return 0;
}

int tr__key_unknown(const struct tr_arch *arch, const char *key)
{
    size_t n = strlen(arch->name);
    if (strncmp(key, arch->name, n) || key[n] != '.')
        return 0;
    const char *suffix = key + n + 1;
    for (int i = 0; i < N_FIXED; i++)
        if (!strcmp(fixed_keys[i].suffix, suffix))
            return 0;
    return !is_read(arch, suffix) && !is_in(without_effect, N_WITHOUT, suffix);
}
