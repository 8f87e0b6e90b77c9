/* SPDX-License-Identifier: MIT
 *
 * Base and adapters to one model.  Every touched weight is computed in f32, base plus
 * scale * alpha / rank * b a of each adapter (lora.h), divided by the factor of an expert
 * that has one, and written in its own type or in
 * another; what no adapter touches is copied, or converted alike.
 */
#ifndef LIBTRAIN_MERGE_H
#define LIBTRAIN_MERGE_H

#include <libtrain/lora.h>
#include <libtrain/progress.h>
#include <libtrain/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What became of the change D of a tensor, which is written as W + D + E: sums of squares.
 * kept / change is the share of D that is in the file: 1 where rounding left it alone, 0
 * where it is gone. */
enum { TR_MERGE_N_TYPE = 7 };
struct tr_merge_change {
    double change; /* |D|^2 */
    double kept;   /* (D + E) D */
    double lost;   /* |E|^2 */
    double tried;  /* |D|^2 of pieces where E is larger than D; of these, about, */
    double in_type[TR_MERGE_N_TYPE]; /* |E|^2 in tr_merge_type(i); infinite if rows do not
                                        fit the type */
};
/* Types that are tried so, from few bits to many; NULL behind the last. */
const struct tr_dtype *tr_merge_type(int i);

struct tr_merge_args {
    size_t n;                     /* adapters, opened for the base */
    struct tr_lora *const *lora;  // (n)
    const float *scale;           // (n) factor on the effect of each
    struct tr_recipe_args recipe; /* the types; all 0: every tensor keeps its own */
    int allow_nonfinite;          /* let NaN and infinities pass */
    const char *chat_template;    /* in place of the base's; NULL: that */
    struct tr_progress progress;  /* in bytes of the new file */
    struct tr_merge_change *change; // (tensors of the recipe) to be added to, or NULL
    const char *name;             /* behind the base's (tr_gguf_set_fine_tuned); or NULL */
};

struct tr_merge_stats {
    size_t n_touched; /* tensors that an adapter changes */
    size_t n_drowned; /* of these, where rounding to the type took more than was changed */
};

/* What becomes of each tensor of the base, in the order of its file.  TR_EUNSUPPORTED if
 * one cannot be converted, or is touched and of a type that cannot be written, or has an
 * expert whose factor is 0. */
struct tr_recipe *tr_merge_recipe(const struct tr_model *base,
                                  const struct tr_merge_args *args,
                                  struct tr_err *err) TR_MUST_CHECK;

/* Write the sum by this recipe of the base to `path`; *stats says what came of it.  A
 * number that is not finite, in the base or in the sum, is TR_EFORMAT, naming tensor and
 * row. After a failure what was at `path` is still there. */
int tr_merge(const struct tr_model *base, const struct tr_recipe *recipe,
             const struct tr_merge_args *args, const char *path,
             struct tr_merge_stats *stats, struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
