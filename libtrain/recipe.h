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

/* A mixture of types, as llama-quantize has them: most matrices in one type, some in better
 * ones, by rules over their kind, their place and the model.  All are static. */
struct tr_mix {
    const char *name; /* "Q4_K_M" */
    const char *type; /* name of the type of most */
    int32_t file_type; /* general.file_type of a model made of it */
};

/* The mixture with this name, upper or lower case, or NULL; those that are named like a type
 * among them (Q6_K, Q4_0), and Q3_K, Q4_K and Q5_K for those with _M. */
const struct tr_mix *tr_mix_by_name(const char *name);

/* Walk all mixtures: i = 0, 1, … until NULL. */
const struct tr_mix *tr_mix_at(int i);

/* The type that tensor t gets in a model of type `want`.  Its own: vectors, norms, tables
 * of positions and the other names that llama-quantize leaves alone (even with --pure).
 * Else `want`; where the rows are no whole number of its blocks, the type with blocks of 32
 * that llama-quantize takes instead of one of 256; where they do not fit that either, F16.
 * NULL, with the tensor in err, if it holds what cannot be unpacked */
const struct tr_dtype *tr_recipe_type(const struct tr_gguf_tensor *t,
                                      const struct tr_dtype *want,
                                      struct tr_err *err) TR_MUST_CHECK;

/* A type for tensors whose names match. */
struct tr_recipe_rule {
    const char *pattern; /* of PCRE2, found anywhere in the name, in either case */
    const struct tr_dtype *type;
};

/* What a model is to become. */
struct tr_recipe_args {
    const struct tr_dtype *type; /* of the matrices; NULL: each tensor keeps its own */
    const struct tr_mix *mix;    /* in place of `type`; NULL: none */
    int pure;                    /* the type of the mixture for all matrices */
    int weighted;                /* there is an importance matrix, which changes mixtures */
    int by_part;                 /* mixtures count tensors in the order of the files that the
                                    model is in, as llama-quantize --keep-split does */

    /* For some matrices, before all that; the first that says something counts.  NULL, 0:
     * nothing is said. */
    int leave_output;              /* "output.weight" keeps its type */
    const struct tr_dtype *embd;   /* tables of tokens */
    const struct tr_dtype *output; /* "output.weight"; in a mixture also the table of tokens
                                      that is the output too */
    size_t n_rule;
    const struct tr_recipe_rule *rule; // (n_rule) the first that matches
    const struct tr_gguf *like;  /* the type of the tensor of this name in that file; what is
                                    not there needs `type` or `mix` */
};

struct tr_recipe_entry {
    const struct tr_gguf_tensor *tensor; /* of the source, which must stay open */
    const struct tr_dtype *wanted;       /* by the recipe */
    const struct tr_dtype *type;         /* that it gets */
    int64_t bytes;                       /* in this type */
    int instead; /* its rows do not fit `wanted`, so it gets another */
    int is_free; /* nothing was said about it, so it keeps its type */
    int coarse;  /* llama-quantize refuses such a type without an importance matrix */
};

struct tr_recipe {
    const char *name;            /* of the type or the mixture */
    const struct tr_dtype *type; /* of the matrices; NULL: each tensor keeps its own */
    int32_t file_type;           /* general.file_type; -1: unknown */
    size_t n;
    struct tr_recipe_entry *entry; // (n) in the order in which they are written
    const char **idle; /* patterns of the rules, the caller's, that match no tensor which may
                          be converted; NULL behind the last */
};

/* For all tensors of a file, in its order.  TR_EINVAL: a pattern is none.  The caller frees it; NULL is allowed there. */
struct tr_recipe *tr_recipe_new(const struct tr_gguf *g, const struct tr_recipe_args *args,
                                struct tr_err *err) TR_MUST_CHECK;
void tr_recipe_free(struct tr_recipe *r);

/* How many tensors get `type` because their rows do not fit `wanted`; NULL: whatever was
 * wanted. */
size_t tr_recipe_n_instead(const struct tr_recipe *r, const struct tr_dtype *wanted,
                           const struct tr_dtype *type);

/* 0, or TR_EUNSUPPORTED naming the first tensor whose type cannot be written, or must not
 * be without an importance matrix, where there is none. */
int tr_recipe_check(const struct tr_recipe *r, int weighted,
                    struct tr_err *err) TR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
