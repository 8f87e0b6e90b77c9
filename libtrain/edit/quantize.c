/* SPDX-License-Identifier: MIT
 *
 * A model in another type, byte for byte as llama-quantize writes it: its order of
 * tensors, its keys.  What each tensor becomes is settled first (recipe.c); the work is
 * nothing but slabs (slab.c).
 */
#include <libtrain/edit/edit.h>
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

struct tr_recipe *tr_quantize_recipe(const struct tr_gguf *g,
                                     const struct tr_quantize_args *args,
                                     struct tr_err *err)
{
    struct tr_recipe *r = NULL;
    if (!tr_gguf_expect_weights(g, err))
        r = tr_recipe_new(g, &args->recipe, err);
    if (r && !args->allow_requantize && check_again(r, g, err)) {
        tr_recipe_free(r);
        return NULL;
    }
    if (r)
        qsort(r->entry, r->n, sizeof *r->entry, by_block);
    return r;
}

/* Keys as llama-quantize leaves them: the two that it sets go to the end. */
static void set_keys(struct tr_gguf_writer *w, const struct tr_gguf *g, int32_t file_type)
{
    static const char *const dropped[] = {
        "split.no", "split.count", "split.tensors.count", "general.quantization_version",
        "general.file_type",
    };
    tr_gguf_set_all(w, g);
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        tr_gguf_unset(w, dropped[i]);
    tr_gguf_set_u32(w, "general.quantization_version", 2);
    tr_gguf_set_u32(w, "general.file_type", (uint32_t)file_type);
}

static int write_all(struct tr_gguf_writer *w, const struct tr_gguf *g,
                     const struct tr_recipe *recipe, enum tr__nonfinite nonfinite,
                     struct tr_err *err)
{
    struct tr__slab slab;
    int rc = tr__slab_init(&slab, tr_gguf_path(g), SLAB, nonfinite, err);
    for (size_t i = 0; !rc && i < recipe->n; i++)
        rc = tr__slab_copy(&slab, w, g, recipe->entry[i].tensor, recipe->entry[i].type,
                           err);
    tr__slab_release(&slab);
    return rc;
}

int tr_quantize(const struct tr_gguf *g, const struct tr_recipe *recipe,
                const struct tr_quantize_args *args, const char *path, struct tr_err *err)
{
    if (tr_recipe_check(recipe, args->recipe.weighted, err))
        return tr_err_prefix(err, "'%s'", tr_gguf_path(g));
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return err ? err->code : TR_EIO;
    set_keys(w, g, recipe->file_type);
    tr__recipe_declare(recipe, w);
    tr_gguf_watch(w, &args->progress);
    int rc = write_all(w, g, recipe, args->allow_nonfinite ? TR__ALLOW : TR__MAY_ALLOW,
                       err);
    return tr_gguf_finish(w, rc, err);
}
