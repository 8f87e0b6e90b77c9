/* SPDX-License-Identifier: MIT
 *
 * Recipes: which type each tensor of a model gets when the model is written in another one.
 * A recipe is made before the work, so what cannot be is known before it, and a dry run
 * says what a run does.
 */
#ifndef LIBTRAIN_RECIPE_H
#define LIBTRAIN_RECIPE_H

#include <libtrain/gguf.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type that tensor t gets in a model of type `want`.  Its own: vectors, norms, tables
 * of positions and the other names that llama-quantize leaves alone (even with --pure).
 * Else `want`; where the rows are no whole number of its blocks, the type with blocks of 32
 * that llama-quantize takes instead of a K-quant; where they do not fit that either, F16.
 * NULL, with the tensor in err, if it holds what cannot be unpacked. */
const struct tr_dtype *tr_recipe_type(const struct tr_gguf_tensor *t,
                                      const struct tr_dtype *want,
                                      struct tr_err *err) TR_MUST_CHECK;

struct tr_recipe_entry {
    const struct tr_gguf_tensor *tensor; /* of the source, which must stay open */
    const struct tr_dtype *type;         /* that it gets */
    int64_t bytes;                       /* in this type */
    int instead; /* its rows do not fit the type of the recipe, so it gets another */
};

struct tr_recipe {
    const struct tr_dtype *type; /* of the matrices; NULL: each tensor keeps its own */
    size_t n;
    struct tr_recipe_entry *entry; // (n) in the order in which they are written
};

/* For all tensors of a file, in its order.  The caller frees it; NULL is allowed there. */
struct tr_recipe *tr_recipe_new(const struct tr_gguf *g, const struct tr_dtype *want,
                                struct tr_err *err) TR_MUST_CHECK;
void tr_recipe_free(struct tr_recipe *r);

/* How many tensors get `type` because their rows do not fit that of the recipe. */
size_t tr_recipe_n_instead(const struct tr_recipe *r, const struct tr_dtype *type);

#ifdef __cplusplus
}
#endif
#endif
