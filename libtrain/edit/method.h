/* SPDX-License-Identifier: MIT
 *
 * Ways to make one model of several: a const struct at the foot of its file, listed once in
 * methods.def.  docs/maths/merging.md has the formulas.
 */
#ifndef LIBTRAIN_EDIT_METHOD_H
#define LIBTRAIN_EDIT_METHOD_H

#include <libtrain/merge.h>

/* One tensor of a merge. */
struct tr__mixing {
    const struct tr_merge_models_args *args;
    const char *name;     /* of the tensor */
    int64_t count;        /* numbers in all of it */
    const double *weight; // (args->n) of the models in this tensor
    int normalize;        /* what was asked for, or the method's own way */
    void *state;          /* the method's; zeros before the first look */
};

/* Numbers at … at + n - 1 of it, as f32. */
struct tr__mixed {
    int64_t at, n;
    const float *base;          // (n)
    const float *const *model;  // (args->n)(n)
    float *out;                 // (n) in `combine`
};

/* A method sees the whole tensor `passes` times, front to back in pieces, and after each
 * of these passes settles what it found; then it combines the same pieces.  All may use all
 * threads; the numbers must not depend on how many there are. */
struct tr_merge_method {
    const char *name, *help;
    const char *takes; /* of weight, density, lambda, seed, normalize, layers; NULL: none */
    size_t least, most; /* models beside the base */
    int normalize;      /* divide by the sum of the weights, if nothing else is asked for */
    const char *(*misfit)(const double *weight, size_t n); /* what is wrong with weights, or NULL;
                                                              NULL: any numbers do */
    int passes;
    size_t (*state_bytes)(size_t n_model); /* NULL: none */
    void (*look)(const struct tr__mixing *m, int pass, const struct tr__mixed *x);
    void (*settle)(const struct tr__mixing *m, int pass);
    void (*combine)(const struct tr__mixing *m, const struct tr__mixed *x);

    /* Or no numbers are combined, the models need not have the same tensors, and all of it
     * is done here; NULL: not so. */
    int (*check)(const struct tr_gguf *base, const struct tr_merge_models_args *args,
                 struct tr_err *err);
    int (*write)(const struct tr_gguf *base, const struct tr_merge_models_args *args,
                 const char *path, struct tr_err *err);
};

/* What became of base and models says what it was made from. */
void tr__merge_lineage(struct tr_gguf_writer *w, const struct tr_gguf *base,
                       const struct tr_merge_models_args *args);

#define TR_MERGE_METHOD(name) extern const struct tr_merge_method tr__method_##name;
#include <libtrain/edit/methods.def>
#undef TR_MERGE_METHOD

/* ==== method_vectors.c: what methods that add changes of models to the base share ==== */

/* base + lambda * the sum of weight * change over the models.  `sparse`, if it is not NULL,
 * sets to 0 what is dropped of n changes of model k, those from `at` on, and scales the
 * rest; with `elect` only those count whose sign is that of the sum. */
struct tr__vectors {
    void (*sparse)(const struct tr__mixing *m, size_t k, int64_t at, int64_t n, float *d);
    int elect;
};
void tr__vectors_add(const struct tr__mixing *m, const struct tr__mixed *x,
                     const struct tr__vectors *how);

/* Changes of model k that are kept with probability `density`, divided by it. */
void tr__dare(const struct tr__mixing *m, size_t k, int64_t at, int64_t n, float *d);

#endif
