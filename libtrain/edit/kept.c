/* SPDX-License-Identifier: MIT
 *
 * Tensors that stay in their type whatever a model becomes: vectors, and matrices that are
 * small or delicate.  The lists are llama-quantize's (llama.cpp, src/llama-quant.cpp).
 * Next: recipe.c.
 */
#include <libtrain/edit/edit.h>

#include <string.h>

/* Whole names, then parts of names. */
static const char *const kept_name[] = {
    "position_embd.weight", "token_types.weight",
};

static const char *const kept_part[] = {
    "_norm.weight",
    /* routing of experts */
    "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight",
    /* gemma 3n */
    "altup", "laurel", "per_layer_model_proj",
    /* state space models, convolutions, indexers */
    "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight",
    /* RWKV */
    "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight",
    "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
    "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight",
    "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    /* T5 */
    "attn_rel_b.weight",
    /* images and sound */
    ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd",
    ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
};

/* glm5-next */
static const char *const kept_part_glm5[] = {
    "hc_", "indexer.attn_q_b", "indexer.attn_k", "indexer.proj", "indexer_compressor_gate",
    "indexer_compressor_ape", "ssm_f_a.weight", "ssm_f_b.weight", "ssm_g_a.weight",
    "ssm_g_b.weight", "ssm_beta.weight", "attn_kv_a_mqa.weight", "attn_k_b.weight",
    "attn_v_b.weight",
};

static int is_matrix(const struct tr_gguf_tensor *t)
{
    for (int i = 0; i < t->n_dim - 1; i++)
        if (t->dim[i] > 1)
            return 1;
    return 0;
}

static int has_part(const char *name, const char *const *part, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(name, part[i]))
            return 1;
    return 0;
}

int tr__keeps_type(const struct tr_gguf_tensor *t, const char *arch)
{
    size_t n = strlen(t->name);
    if (!is_matrix(t) || n < 6 || strcmp(t->name + n - 6, "weight") != 0)
        return 1;
    for (size_t i = 0; i < sizeof kept_name / sizeof *kept_name; i++)
        if (!strcmp(t->name, kept_name[i]))
            return 1;
    if (!strcmp(arch, "glm5-next") &&
        has_part(t->name, kept_part_glm5, sizeof kept_part_glm5 / sizeof *kept_part_glm5))
        return 1;
    return has_part(t->name, kept_part, sizeof kept_part / sizeof *kept_part);
}
