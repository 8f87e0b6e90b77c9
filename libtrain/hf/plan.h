/* SPDX-License-Identifier: MIT
 *
 * The tensors that a GGUF of a folder will have, in their order, and where the numbers of
 * each are.
 */
#ifndef LIBTRAIN_HF_PLAN_H
#define LIBTRAIN_HF_PLAN_H

#include <libtrain/base/base.h>
#include <libtrain/hf/folder.h>
#include <libtrain/hf/map.h>

struct tr__hf_made {
    const char *name; /* in GGUF */
    struct tr__hf_place place;
    int64_t layer;                     /* -1: none */
    size_t n_from;                     /* 1, or one for each expert */
    const struct tr__hf_tensor **from; // (n_from)
    const struct tr__hf_tensor *scales; /* of one in MXFP4, whose nibbles are from[0]; or NULL */
    const struct tr_json *config;      /* of the folder */
    float *own;                        /* in place of these: numbers made of config.json */
    const struct tr_dtype *type;       /* that it is stored in; set by the caller */
};

struct tr__hf_plan {
    const struct tr__hf_arch *arch;
    const struct tr__hf_sizes *size;
    const struct tr__hf_folder *folder;
    int64_t n_ahead;  /* blocks behind the last one that predict further tokens, which are */
    int leaves_ahead; /* left out, as what is named "mtp." is; else size->n_ahead says it */
    int is_mxfp4;     /* config.json says so of experts (mxfp4.h) */
    const struct tr_json *config; /* set by tr__hf_plan */
    size_t n, cap;
    struct tr__hf_made *made; // (n)
    struct tr__names names;
};

/* Fill in a plan, of which arch, size and folder are set,
 * and what is known of blocks ahead.  A tensor that is left over,
 * missing, twice the same or of a type that is not known is an error by name.  Release in
 * either case. */
int tr__hf_plan(struct tr__hf_plan *p, const struct tr__hf_in *in,
                struct tr_err *err) TR_MUST_CHECK;
void tr__hf_plan_release(struct tr__hf_plan *p);

/* The name of a tensor without what a model that also sees or hears puts in front of those of its
 * text: `to`, or `name` itself. */
const char *tr__hf_own_name(const char *name, char to[TR__HF_NAME_BYTES]);

/* Rows of a tensor flattened to two dimensions, and the numbers in each: those of GGUF. */
int64_t tr__hf_rows(const struct tr__hf_made *m);
int64_t tr__hf_columns(const struct tr__hf_made *m);

/* The type of the numbers that tr__hf_fetch gives. */
const struct tr_dtype *tr__hf_fetch_type(const struct tr__hf_made *m);
/* Rows first … first + n - 1, of GGUF, to `to`, as they are there.  `from_n` numbers of
 * scratch: as many as these rows have. */
int tr__hf_fetch(const struct tr__hf_folder *f, const struct tr__hf_made *m, int64_t first,
                 int64_t n, void *to, struct tr_err *err) TR_MUST_CHECK;

/* The type that the converter gives a tensor where most matrices are to be `want`. */
const struct tr_dtype *tr__hf_type_of(const char *name, int n_dim, const int64_t *dim,
                                      const struct tr_dtype *want);

#endif
