/* SPDX-License-Identifier: MIT
 *
 * A model in another type, byte for byte as llama-quantize writes it: its order of
 * tensors, its keys.  What each tensor becomes is settled first (recipe.c); the work is
 * nothing but slabs (slab.c).
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/weights.h>
#include <libtrain/quantize.h>

#include <stdlib.h>
#include <string.h>

enum { SLAB = 1 << 20 };

static int by_block(const void *a, const void *b)
{
    return tr__by_block(((const struct tr_recipe_entry *)a)->tensor->name,
                        ((const struct tr_recipe_entry *)b)->tensor->name);
}

static int check_again(const struct tr_recipe *r, const struct tr_gguf *g,
                       struct tr_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        if (r->entry[i].type != t->dtype && t->dtype->block > 1)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is %s already; "
                              "quantising it again loses more (--allow-requantize does it)",
                              tr_gguf_path(g), t->name, t->dtype->name);
    }
    return 0;
}

/* With weights mixtures are others. */
static struct tr_recipe *make_recipe(const struct tr_gguf *g,
                                     const struct tr_quantize_args *args, struct tr_err *err)
{
    struct tr__weights weights;
    struct tr_recipe_args recipe = args->recipe;
    int rc = tr__weights_begin(&weights, &args->weights, err);
    recipe.weighted = recipe.weighted || weights.n > 0;
    tr__weights_end(&weights);
    return rc ? NULL : tr_recipe_new(g, &recipe, err);
}

struct tr_recipe *tr_quantize_recipe(const struct tr_gguf *g,
                                     const struct tr_quantize_args *args,
                                     struct tr_err *err)
{
    struct tr_recipe *r = NULL;
    if (!tr_gguf_expect_weights(g, err))
        r = make_recipe(g, args, err);
    if (r && !args->allow_requantize && check_again(r, g, err)) {
        tr_recipe_free(r);
        return NULL;
    }
    if (r)
        qsort(r->entry, r->n, sizeof *r->entry, by_block);
    return r;
}

static void set_key(struct tr_gguf_writer *w, const struct tr_quantize_key *k)
{
    tr_gguf_unset(w, k->key);
    if (k->type == TR_GGUF_STRING)
        tr_gguf_set_string(w, k->key, k->string);
    else if (k->type == TR_GGUF_BOOL)
        tr_gguf_set_bool(w, k->key, k->boolean);
    else if (k->type == TR_GGUF_F32)
        tr_gguf_set_f32(w, k->key, k->f32);
    else
        tr_gguf_set_u32(w, k->key, k->u32);
}

/* Keys as llama-quantize leaves them: those that it sets go to the end. */
static void set_keys(struct tr_gguf_writer *w, const struct tr_gguf *g,
                     const struct tr_quantize_args *args, int32_t file_type,
                     const struct tr__weights *weights)
{
    static const char *const dropped[] = {
        "split.no", "split.count", "split.tensors.count", "general.quantization_version",
        "general.file_type",
    };
    tr_gguf_set_all(w, g);
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        tr_gguf_unset(w, dropped[i]);
    tr_gguf_set_u32(w, "general.quantization_version", 2);
    if (file_type >= 0)
        tr_gguf_set_u32(w, "general.file_type", (uint32_t)file_type);
    for (size_t i = 0; i < args->n_key; i++)
        set_key(w, &args->key[i]);
    tr__weights_keys(weights, w);
}

static void set_error(struct tr_quantize_error *to, const struct tr__loss *loss)
{
    double n = loss->n ? (double)loss->n : 1;
    *to = (struct tr_quantize_error){ loss->square / n, loss->power / n };
}

static int write_all(struct tr_gguf_writer *w, const struct tr_gguf *g,
                     const struct tr_recipe *recipe, const struct tr__weights *weights,
                     const struct tr_quantize_args *args, struct tr_err *err)
{
    struct tr__slab slab;
    enum tr__nonfinite nonfinite = args->allow_nonfinite ? TR__ALLOW : TR__MAY_ALLOW;
    int rc = tr__slab_init(&slab, tr_gguf_path(g), SLAB, nonfinite, err);
    for (size_t i = 0; !rc && i < recipe->n; i++) {
        const struct tr_recipe_entry *e = &recipe->entry[i];
        struct tr__loss loss = { 0 };
        slab.loss = args->error ? &loss : NULL;
        rc = tr__slab_copy(&slab, w, g, e->tensor, e->type,
                           tr__weights_of(weights, e->tensor, NULL), err);
        if (args->error)
            set_error(&args->error[i], &loss);
    }
    tr__slab_release(&slab);
    return rc;
}

/* Whatever can be known before the work. */
static int check_weights(const struct tr_recipe *r, const struct tr__weights *w,
                         struct tr_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_recipe_entry *e = &r->entry[i];
        struct tr_err why = { 0 };
        if (e->type == e->tensor->dtype || tr__weights_of(w, e->tensor, &why))
            continue;
        if (why.code)
            return tr_err_set(err, why.code, "%s", why.text);
        if (e->coarse && w->n)
            return tr_err_set(err, TR_EUNSUPPORTED, "the importance matrix has nothing of "
                              "tensor '%s', which would be of no use in %s without",
                              e->tensor->name, e->type->name);
    }
    return tr_recipe_check(r, w->n > 0, err);
}

static int write_model(const struct tr_gguf *g, const struct tr_recipe *recipe,
                       const struct tr_quantize_args *args, const struct tr__weights *weights,
                       const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    set_keys(w, g, args, recipe->file_type, weights);
    tr__recipe_declare(recipe, w);
    tr_gguf_watch(w, &args->progress);
    return tr_gguf_finish(w, write_all(w, g, recipe, weights, args, err), err);
}

int tr_quantize(const struct tr_gguf *g, const struct tr_recipe *recipe,
                const struct tr_quantize_args *args, const char *path, struct tr_err *err)
{
    struct tr__weights weights;
    int rc = tr__weights_begin(&weights, &args->weights, err);
    if (!rc && check_weights(recipe, &weights, err))
        rc = tr_err_prefix(err, "'%s'", tr_gguf_path(g));
    if (!rc)
        rc = write_model(g, recipe, args, &weights, path, err);
    tr__weights_end(&weights);
    return rc;
}
