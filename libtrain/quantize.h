/* SPDX-License-Identifier: MIT
 *
 * A model in another type: the file that llama-quantize writes, byte for byte but for the line
 * of its history where one is wanted: same choice of types (recipe.h), same blocks, same order of tensors and keys.
 */
#ifndef LIBTRAIN_QUANTIZE_H
#define LIBTRAIN_QUANTIZE_H

#include <libtrain/gguf.h>
#include <libtrain/imatrix.h>
#include <libtrain/progress.h>
#include <libtrain/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weights of columns in packing.  Patterns are of PCRE2, found anywhere in the name of a
 * tensor. */
struct tr_quantize_weights {
    const struct tr_imatrix *imatrix; /* NULL: none */
    size_t n_only, n_except;
    const char *const *only;   // (n_only) if any, for tensors that match one
    const char *const *except; // (n_except) for none that match one
};

/* A key of the new file. */
struct tr_quantize_key {
    const char *key;
    enum tr_gguf_type type; /* U32, F32, BOOL or STRING: which of these counts */
    uint32_t u32;
    float f32;
    int boolean;
    const char *string;
};

/* What packing took from a tensor, estimated from an eighth of its numbers: the mean of the
 * squares of errors, and of the numbers themselves.  0 where nothing was converted.  And how
 * many of all its numbers were beyond the largest that the type holds, and became that. */
struct tr_quantize_error {
    double square, power;
    int64_t clipped;
};

/* What is allowed is named by the messages as options of the command. */
struct tr_quantize_args {
    struct tr_recipe_args recipe; /* the types; `weighted` follows from the weights */
    struct tr_quantize_weights weights;
    size_t n_key;
    const struct tr_quantize_key *key; // (n_key) set at last, in place of the model's own
    int keep_split;               /* as many files as the model is in; the path is what they
                                     are named after */
    int allow_requantize;         /* also tensors that are quantised already */
    int allow_nonfinite;          /* let NaN and infinities pass */
    const char *history;          /* a line for that of the file (tr_gguf_add_history); or NULL */
    struct tr_progress progress;  /* in bytes of the new file */
    struct tr_quantize_error *error; // (tensors of the recipe) to be set, or NULL
};

/* What the user should know of these weights, as text in `line`: a pattern that matches no entry
 * of the matrix, or a matrix that has no entry for any tensor of g and so is of another model.
 * 1; 0 if there is nothing, or an error. */
int tr_quantize_weights_odd(const struct tr_gguf *g, const struct tr_quantize_weights *w,
                            char *line, size_t size, struct tr_err *err) TR_MUST_CHECK;

/* What becomes of each tensor of g, in llama.cpp's order.  TR_EUNSUPPORTED: g is an adapter
 * or one part of several, or a tensor cannot be converted, or may not be. */
struct tr_recipe *tr_quantize_recipe(const struct tr_gguf *g,
                                     const struct tr_quantize_args *args,
                                     struct tr_err *err) TR_MUST_CHECK;

/* Give the free tensors of a recipe that was made without type and mixture other types, so
 * that the file has at most `bytes` and the sum of squared errors, those in a column times
 * its weight, is least: of each tensor in each type it is estimated from some of its rows
 * (edit/fit.c, edit/fit_error.c).  TR_EUNSUPPORTED, with the least there is, if it is too
 * large in any. */
int tr_quantize_fit(const struct tr_gguf *g, const struct tr_quantize_args *args,
                    int64_t bytes, struct tr_recipe *r, struct tr_err *err) TR_MUST_CHECK;

/* Write g by this recipe of it to `path`, piece by piece.  A number that is not finite, in
 * g or in the new type, is TR_EFORMAT, naming tensor and row.  After a failure what was at
 * `path` is still there. */
int tr_quantize(const struct tr_gguf *g, const struct tr_recipe *recipe,
                const struct tr_quantize_args *args, const char *path,
                struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
