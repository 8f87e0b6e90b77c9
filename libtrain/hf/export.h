/* SPDX-License-Identifier: MIT
 *
 * Tensors of a GGUF as those of a folder: which there will be, and their rows.
 */
#ifndef LIBTRAIN_HF_EXPORT_INNER_H
#define LIBTRAIN_HF_EXPORT_INNER_H

#include <libtrain/base/base.h>
#include <libtrain/hf/map.h>

/* A tensor of GGUF, or an expert of it, in a tensor of the folder. */
struct tr__hf_share {
    const struct tr_gguf_tensor *from;
    struct tr__hf_place place;
    int64_t first, n; /* its rows: those of the GGUF's tensor, flattened */
};

struct tr__hf_given { /* a tensor of the folder */
    const char *name;
    int n_dim;
    int64_t dim[4];
    int64_t rows, columns; /* flattened; in a vector whose rows move, a column */
    int64_t in_rows, in_columns; /* the same before it is turned */
    struct tr__hf_share *share; // (n), those of one fused tensor in their order
    size_t n, cap;
};

struct tr__hf_gifts {
    const struct tr_gguf *g;
    const struct tr__hf_arch *arch;
    const struct tr__hf_sizes *size;
    size_t n, cap;
    struct tr__hf_given *given; // (n), in the order of the GGUF
    struct tr__names names;
};

/* Fill in; g, arch and size are set.  A tensor that has no name there is TR_EUNSUPPORTED.
 * Release in any case. */
int tr__hf_gifts(struct tr__hf_gifts *x, struct tr_err *err) TR_MUST_CHECK;
void tr__hf_gifts_release(struct tr__hf_gifts *x);

/* Rows of the folder's tensors, one tensor at a time. */
struct tr__hf_rows {
    const struct tr__hf_gifts *all;
    const struct tr__hf_given *of;
    const struct tr_dtype *type; /* that they become */
    int64_t most;                /* rows in a piece */
    int64_t *source;             /* (in_rows) share and row in it; NULL: the same */
    void *raw;                   /* gathered */
    float *f32;
    void *out;                   /* the piece */
    void *matrix;                /* of one that is turned: before that */
    int64_t matrix_at;           /* which; -1: none yet */
};

/* Memory for pieces of the tensor.  Release in any case. */
int tr__hf_rows_begin(struct tr__hf_rows *r, const struct tr__hf_gifts *all,
                      const struct tr__hf_given *of, const struct tr_dtype *type,
                      struct tr_err *err) TR_MUST_CHECK;
void tr__hf_rows_end(struct tr__hf_rows *r);
/* Rows first … first + n - 1 of the tensor, n at most r->most, in r->out. */
int tr__hf_rows_get(struct tr__hf_rows *r, int64_t first, int64_t n,
                    struct tr_err *err) TR_MUST_CHECK;

/* Complete rope_parameters of out->config, and what says the same beside it. */
int tr__hf_put_rope(const struct tr__hf_out *out, struct tr_err *err) TR_MUST_CHECK;
/* config.json and generation_config.json into the folder. */
int tr__hf_configs(const struct tr__hf_gifts *x, const struct tr_dtype *type,
                   const struct tr__folder *to, struct tr_err *err) TR_MUST_CHECK;
/* The files of a tokenizer that lie in the folder `like`, and its
 * generation_config.json. */
int tr__hf_copy_tokenizer(const char *like, const struct tr__folder *to,
                          struct tr_err *err) TR_MUST_CHECK;

#endif
