/* SPDX-License-Identifier: MIT
 *
 * A model in another type, byte for byte as llama-quantize writes it: its order of
 * tensors, its keys.  What each tensor becomes is settled first (recipe.c); next:
 * quantize_write.c.
 */
#include <libtrain/edit/edit.h>
#include <libtrain/edit/quantizing.h>
#include <libtrain/quantize.h>

#include <stdlib.h>
#include <string.h>

static int by_block(const void *a, const void *b)
{
    return tr__by_block(((const struct tr_recipe_entry *)a)->tensor->name,
                        ((const struct tr_recipe_entry *)b)->tensor->name);
}

static int by_part(const void *a, const void *b)
{
    return tr__by_part(((const struct tr_recipe_entry *)a)->tensor,
                       ((const struct tr_recipe_entry *)b)->tensor);
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
    recipe.by_part = args->keep_split;
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
        qsort(r->entry, r->n, sizeof *r->entry, args->keep_split ? by_part : by_block);
    return r;
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

/* What is set last must not keep the file from being read. */
static int check_keys(const struct tr_quantize_args *args, struct tr_err *err)
{
    for (size_t i = 0; i < args->n_key; i++) {
        const struct tr_quantize_key *k = &args->key[i];
        const char *why = tr__key_is_fixed(k->key);
        if (!why && !strcmp(k->key, "general.architecture") && k->type != TR_GGUF_STRING)
            why = "must be a string";
        for (const char *p = k->key; !why && *p; p++)
            if ((unsigned char)*p >= 0x80)
                why = "not ASCII";
        if (why)
            return tr_err_set(err, TR_EUNSUPPORTED, "key '%.64s': %s", k->key, why);
    }
    return 0;
}

int tr_quantize(const struct tr_gguf *g, const struct tr_recipe *recipe,
                const struct tr_quantize_args *args, const char *path, struct tr_err *err)
{
    struct tr__weights weights;
    int rc = check_keys(args, err);
    if (rc)
        return rc;
    rc = tr__weights_begin(&weights, &args->weights, err);
    if (!rc && check_weights(recipe, &weights, err))
        rc = tr_err_prefix(err, "'%s'", tr_gguf_path(g));
    struct tr__quantizing q = { g, recipe, args, &weights };
    if (!rc)
        rc = args->keep_split ? tr__quantize_parts(&q, path, err)
                              : tr__quantize_file(&q, path, err);
    tr__weights_end(&weights);
    return rc;
}
