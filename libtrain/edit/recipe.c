/* SPDX-License-Identifier: MIT
 *
 * Which type each tensor gets.  The lists are llama-quantize's (llama.cpp,
 * src/llama-quant.cpp), so that a file of ours is its file.  Where rows do not divide into
 * blocks something else is taken, never refused: found out after a training of hours, one
 * odd matrix would cost the whole model.  Next: quantize.c, merge.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/recipe.h>

#include <stdlib.h>
#include <string.h>

/* Matrices that llama-quantize leaves alone: whole names, then parts of names. */
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

enum {
    N_KEPT_NAME = sizeof kept_name / sizeof *kept_name,
    N_KEPT_PART = sizeof kept_part / sizeof *kept_part,
};

static int is_matrix(const struct tr_gguf_tensor *t)
{
    for (int i = 0; i < t->n_dim - 1; i++)
        if (t->dim[i] > 1)
            return 1;
    return 0;
}

static int keeps_type(const struct tr_gguf_tensor *t)
{
    size_t n = strlen(t->name);
    if (!is_matrix(t) || n < 6 || strcmp(t->name + n - 6, "weight") != 0)
        return 1;
    for (int i = 0; i < N_KEPT_NAME; i++)
        if (!strcmp(t->name, kept_name[i]))
            return 1;
    for (int i = 0; i < N_KEPT_PART; i++)
        if (strstr(t->name, kept_part[i]))
            return 1;
    return 0;
}

/* Where rows do not divide into super-blocks, llama-quantize takes a type with blocks of
 * 32 that is no worse. */
static const struct tr_dtype *with_small_blocks(const struct tr_dtype *want)
{
    static const char *const pair[][2] = {
        { "Q2_K", "Q4_0" }, { "Q3_K", "Q4_0" }, { "Q4_K", "Q5_0" },
        { "Q5_K", "Q5_1" }, { "Q6_K", "Q8_0" },
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (!strcmp(want->name, pair[i][0]))
            return tr_dtype_by_name(pair[i][1]);
    return want;
}

const struct tr_dtype *tr_recipe_type(const struct tr_gguf_tensor *t,
                                      const struct tr_dtype *want, struct tr_err *err)
{
    int64_t row = tr_gguf_row(t);
    if (keeps_type(t))
        return t->dtype;
    if (row % want->block)
        want = with_small_blocks(want);
    if (row % want->block)
        want = &tr_f16;
    if (t->dtype == want || t->dtype->to_f32)
        return want;
    tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' is %s, which cannot be converted",
               t->name, t->dtype->name);
    return NULL;
}

static int fill(struct tr_recipe_entry *e, const struct tr_gguf_tensor *t,
                const struct tr_dtype *want, struct tr_err *err)
{
    e->tensor = t;
    e->type = want ? tr_recipe_type(t, want, err) : t->dtype;
    if (!e->type)
        return -1;
    e->instead = want && e->type != want && !keeps_type(t);
    return tr_dtype_bytes(e->type, t->n_dim, t->dim, &e->bytes, err);
}

struct tr_recipe *tr_recipe_new(const struct tr_gguf *g, const struct tr_dtype *want,
                                struct tr_err *err)
{
    size_t n = tr_gguf_n_tensor(g);
    struct tr_recipe *r = calloc(1, sizeof *r);
    if (r)
        r->entry = calloc(n + 1, sizeof *r->entry);
    if (!r || !r->entry) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for a list of %zu tensors",
                   tr_gguf_path(g), n);
        tr_recipe_free(r);
        return NULL;
    }
    r->type = want;
    for (; r->n < n; r->n++)
        if (fill(&r->entry[r->n], tr_gguf_tensor(g, r->n), want, err)) {
            tr_err_prefix(err, "'%s'", tr_gguf_path(g));
            tr_recipe_free(r);
            return NULL;
        }
    return r;
}

void tr_recipe_free(struct tr_recipe *r)
{
    if (r)
        free(r->entry);
    free(r);
}

size_t tr_recipe_n_instead(const struct tr_recipe *r, const struct tr_dtype *type)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->entry[i].instead && r->entry[i].type == type;
    return n;
}

void tr__recipe_declare(const struct tr_recipe *r, struct tr_gguf_writer *w)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        tr_gguf_add_tensor(w, t->name, r->entry[i].type, t->n_dim, t->dim);
    }
}
