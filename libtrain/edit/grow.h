/* SPDX-License-Identifier: MIT
 *
 * Rows for tokens that a vocabulary got: amend_tokens.c says which, grow.c writes them.
 */
#ifndef LIBTRAIN_EDIT_GROW_H
#define LIBTRAIN_EDIT_GROW_H

#include <libtrain/gguf.h>

struct tr__grow_rows {
    int64_t old;      /* rows that tables had; 0: nothing grows */
    int64_t keep;     /* of these stay, the first ones, */
    int64_t rows;     /* and there are so many in the end */
    int64_t *from;    // (rows - keep) the row that each begins as, it may be its own; -1: the mean
    int has_mean;     /* one does */
};

/* 1 if the tensor has a row for each token. */
int tr__grows(const struct tr__grow_rows *r, const struct tr_gguf_tensor *t);

/* Its shape when it has grown, in dim (t->n_dim); and the bytes of it. */
int64_t tr__grown_shape(const struct tr__grow_rows *r, const struct tr_gguf_tensor *t,
                        int64_t dim[4]);

/* TR_EUNSUPPORTED for a type that no mean can be written in. */
int tr__grow_check(const struct tr__grow_rows *r, const struct tr_gguf *g,
                   struct tr_err *err) TR_MUST_CHECK;

/* Its data: rows that stay as they are, then the new ones, in one pass. */
int tr__grow_write(const struct tr__grow_rows *r, struct tr_gguf_writer *w,
                   const struct tr_gguf *g, const struct tr_gguf_tensor *t,
                   struct tr_err *err) TR_MUST_CHECK;

#endif
