/* SPDX-License-Identifier: MIT
 *
 * Which type each tensor gets.  The lists are llama-quantize's (llama.cpp,
 * src/llama-quant.cpp), so that a file of ours is its file.  Where rows do not divide into
 * blocks something else is taken, never refused: found out after a training of hours, one
 * odd matrix would cost the whole model.  Next: mix.c,
 * quantize.c, merge.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/mix.h>
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
        { "IQ1_S", "IQ4_NL" }, { "IQ1_M", "IQ4_NL" }, { "IQ2_XXS", "IQ4_NL" },
        { "IQ2_XS", "IQ4_NL" }, { "IQ2_S", "IQ4_NL" }, { "IQ3_XXS", "IQ4_NL" },
        { "IQ3_S", "IQ4_NL" }, { "IQ4_XS", "IQ4_NL" }, { "TQ1_0", "Q4_0" },
        { "TQ2_0", "Q4_0" }, { "Q2_K", "Q4_0" }, { "Q3_K", "Q4_0" },
        { "Q4_K", "Q5_0" }, { "Q5_K", "Q5_1" }, { "Q6_K", "Q8_0" },
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        if (!strcmp(want->name, pair[i][0]))
            return tr_dtype_by_name(pair[i][1]);
    return want;
}

static const struct tr_dtype *that_fits(const struct tr_dtype *want, int64_t row)
{
    if (row % want->block)
        want = with_small_blocks(want);
    return row % want->block ? &tr_f16 : want;
}

static int check_source(const struct tr_gguf_tensor *t, const struct tr_dtype *to,
                        struct tr_err *err)
{
    if (t->dtype == to || t->dtype->to_f32)
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' is %s, which cannot be converted",
                      t->name, t->dtype->name);
}

const struct tr_dtype *tr_recipe_type(const struct tr_gguf_tensor *t,
                                      const struct tr_dtype *want, struct tr_err *err)
{
    if (keeps_type(t))
        return t->dtype;
    want = that_fits(want, tr_gguf_row(t));
    return check_source(t, want, err) ? NULL : want;
}

/* ==== all tensors ==== */

int tr__by_block(const char *a, const char *b)
{
    int64_t i = tr_gguf_block(a, NULL), k = tr_gguf_block(b, NULL);
    return i == k ? strcmp(a, b) : i < k ? -1 : 1;
}

static int by_block(const void *a, const void *b)
{
    return tr__by_block((*(struct tr_recipe_entry *const *)a)->tensor->name,
                        (*(struct tr_recipe_entry *const *)b)->tensor->name);
}

/* What is asked for, before anything is done about rows that do not fit. */
static const struct tr_dtype *wanted(struct tr__mix_walk *walk,
                                     const struct tr_recipe_args *args,
                                     const struct tr_recipe *r,
                                     const struct tr_gguf_tensor *t)
{
    if (!r->type || keeps_type(t))
        return t->dtype;
    return args->mix && !args->pure ? tr__mix_next(walk, t) : r->type;
}

/* Q2_K is well without weights but in Q2_K_S, where nothing is better. */
static int is_coarse(const struct tr_dtype *type, const char *name, const char *recipe)
{
    enum tr__kind kind = tr__kind_of(name);
    if (!type->from_f32 && type->from_f32_by)
        return 1;
    if (kind == TR__KIND_OUTPUT || kind == TR__KIND_TOKENS)
        return 0;
    return type->needs_weights ||
           (!strcmp(recipe, "Q2_K_S") && !strcmp(type->name, "Q2_K"));
}

static int fill(struct tr_recipe_entry *e, const struct tr_dtype *want, const char *recipe,
                struct tr_err *err)
{
    const struct tr_gguf_tensor *t = e->tensor;
    e->wanted = want;
    e->type = want == t->dtype ? want : that_fits(want, tr_gguf_row(t));
    e->instead = e->type != want;
    if (check_source(t, e->type, err))
        return -1;
    e->coarse = e->type != t->dtype && is_coarse(e->type, t->name, recipe);
    return tr_dtype_bytes(e->type, t->n_dim, t->dim, &e->bytes, err);
}

static int fill_all(struct tr_recipe *r, const struct tr_gguf *g,
                    const struct tr_recipe_args *args, struct tr_err *err)
{
    struct tr__mix_walk walk;
    struct tr_recipe_entry **order = malloc((r->n + 1) * sizeof *order);
    int rc = 0;
    if (!order)
        return tr_err_set(err, TR_ENOMEM, "out of memory for a list of %zu tensors", r->n);
    for (size_t i = 0; i < r->n; i++) {
        r->entry[i].tensor = tr_gguf_tensor(g, i);
        order[i] = &r->entry[i];
    }
    qsort(order, r->n, sizeof *order, by_block);
    if (args->mix)
        tr__mix_begin(&walk, args->mix, g, args->weighted);
    for (size_t i = 0; !rc && i < r->n; i++)
        rc = fill(order[i], wanted(&walk, args, r, order[i]->tensor), r->name, err);
    free(order);
    return rc;
}

static void set_name(struct tr_recipe *r, const struct tr_recipe_args *args)
{
    const struct tr_mix *mix = args->mix;
    r->type = mix ? tr_dtype_by_name(mix->type) : args->type;
    r->name = mix ? mix->name : r->type ? r->type->name : NULL;
    r->file_type = mix ? mix->file_type : r->type ? r->type->file_type : -1;
}

struct tr_recipe *tr_recipe_new(const struct tr_gguf *g, const struct tr_recipe_args *args,
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
    r->n = n;
    set_name(r, args);
    if (fill_all(r, g, args, err)) {
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

size_t tr_recipe_n_instead(const struct tr_recipe *r, const struct tr_dtype *wanted_type,
                           const struct tr_dtype *type)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_recipe_entry *e = &r->entry[i];
        n += e->instead && e->type == type && (!wanted_type || e->wanted == wanted_type);
    }
    return n;
}

static int check_entry(const struct tr_recipe_entry *e, int weighted, struct tr_err *err)
{
    if (e->type != e->tensor->dtype && !e->type->from_f32 && !e->type->from_f32_by)
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s': cannot write type %s",
                          e->tensor->name, e->type->name);
    if (e->coarse && !weighted)
        return tr_err_set(err, TR_EUNSUPPORTED, "tensor '%s' in %s would be of no use "
                          "without an importance matrix (quantize --imatrix)",
                          e->tensor->name, e->type->name);
    return 0;
}

int tr_recipe_check(const struct tr_recipe *r, int weighted, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < r->n; i++)
        rc = check_entry(&r->entry[i], weighted, err);
    return rc;
}

void tr__recipe_declare(const struct tr_recipe *r, struct tr_gguf_writer *w)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        tr_gguf_add_tensor(w, t->name, r->entry[i].type, t->n_dim, t->dim);
    }
}
