/* SPDX-License-Identifier: MIT
 *
 * Base and adapters to one model, and several models to one.
 *
 * Every touched weight is computed in f32, base plus
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
    const struct tr_gguf *instead; /* its tensors stand for the base's of these names, where no
                                      adapter hangs; NULL: none */
    int allow_nonfinite;          /* let NaN and infinities pass */
    const char *chat_template;    /* in place of the base's; NULL: that */
    struct tr_progress progress;  /* in bytes of the new file */
    struct tr_merge_change *change; // (tensors of the recipe) to be added to, or NULL
    const char *name;             /* behind the base's (tr_gguf_set_fine_tuned); or NULL */
    const char *history;          /* a line for the file's (tr_gguf_add_history); or NULL */
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

/* ==== several models ==== */

/* How: one of a list; NULL behind the last.  docs/maths/merging.md has the formulas. */
struct tr_merge_method;
const struct tr_merge_method *tr_merge_method_at(int i);
const char *tr_merge_method_name(const struct tr_merge_method *method);
const char *tr_merge_method_help(const struct tr_merge_method *method);

/* 1 if the method looks at weight, density, lambda, seed, normalize or layers of
 * tr_merge_models_args. */
int tr_merge_takes(const struct tr_merge_method *method, const char *what);

enum { TR_MERGE_MAX_MODEL = 16 };

/* Other weights for tensors whose names match. */
struct tr_merge_rule {
    const char *pattern;  /* of PCRE2, found anywhere in the name, in either case */
    const double *weight; // (models)
};

struct tr_merge_models_args {
    const struct tr_merge_method *method;
    size_t n;                           /* models beside the base */
    const struct tr_gguf *const *model; // (n)
    const double *weight;               // (n)
    size_t n_rule;
    const struct tr_merge_rule *rule; // (n_rule) the first that matches; one for no tensor is TR_EINVAL
    double density; /* share of the changes that stays, in (0, 1]: ties, dare, dare-ties */
    double lambda;  /* factor on all changes: task, ties, dare, dare-ties */
    uint64_t seed;  /* which changes stay: dare, dare-ties */
    const char *layers; /* which blocks, for passthrough (tr_merge_layers); else NULL */
    int normalize;  /* divide by the sum of the weights; -1: as the method does */
    struct tr_recipe_args recipe;
    int allow_nonfinite;
    struct tr_progress progress;
    struct tr_merge_change *change; // (tensors of the recipe) from the base; or NULL
    const char *name;               /* behind the base's; NULL: "merged" */
    const char *history;            /* as above */
};

/* Text that says which blocks a model gets from which models, in its order; lines of
 *     MODEL FIRST-LAST    blocks of a model: 0 is the base, 1 the first beside it
 *     MODEL PATTERN       also the tensors outside of blocks whose names match (fnmatch)
 * and comments from a # on.  What no line is about is the base's.  1 for a method that needs
 * such a text: then no numbers are combined, `recipe` says no mixture, and `change` stays. */
int tr_merge_layers(const struct tr_merge_method *method);

/* 0 if a merge of these is one: as many models as the method takes (TR_EINVAL), all with
 * the base's architecture, tensors, shapes and vocabulary (TR_EMISMATCH, naming both files
 * and what differs). */
int tr_merge_models_check(const struct tr_gguf *base, const struct tr_merge_models_args *args,
                          struct tr_err *err) TR_MUST_CHECK;

/* The i-th key of its architecture or of its vocabulary that says something else in `other`
 * than in the base, whose is taken; NULL behind the last. */
const char *tr_merge_other_key(const struct tr_gguf *base, const struct tr_gguf *other,
                               size_t i);

/* What becomes of each tensor of the base; as tr_merge_recipe. */
struct tr_recipe *tr_merge_models_recipe(const struct tr_gguf *base,
                                         const struct tr_merge_models_args *args,
                                         struct tr_err *err) TR_MUST_CHECK;

/* Write what the method makes of base and models, unpacked, whatever their types are, by
 * this recipe of the base to `path`, a piece of a tensor at a time.  Keys are the base's.
 * Where the numbers of a piece come out as one of the files has them, in the type that is
 * written, that file's bytes are copied.  Errors as of tr_merge. */
int tr_merge_models(const struct tr_gguf *base, const struct tr_recipe *recipe,
                    const struct tr_merge_models_args *args, const char *path,
                    struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
