/* SPDX-License-Identifier: MIT
 *
 * Importance matrices: how large the inputs of each weight are, by column, over some text.
 * Quantising spends its precision where they are large.  Files are those of llama.cpp, in
 * its GGUF form and in the older one of plain binary numbers.
 */
#ifndef LIBTRAIN_IMATRIX_H
#define LIBTRAIN_IMATRIX_H

#include <libtrain/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tr_imatrix;

/* Open a file of either form and check all of it: lengths, names that come twice, sums of
 * squares that are below 0 or not finite.  NULL on failure, with path and place in err.
 * tr_imatrix_close(NULL) is allowed. */
struct tr_imatrix *tr_imatrix_open(const char *path, struct tr_err *err) TR_MUST_CHECK;
void tr_imatrix_close(struct tr_imatrix *im);

struct tr_imatrix_info {
    const char *path;
    size_t n_entry;
    int64_t n_chunk;    /* pieces of text that it was made of */
    int64_t chunk_size; /* positions in one; 0: the old form does not say */
    size_t n_dataset;
    const char *const *dataset; // (n_dataset) the texts, as they were named then
};
const struct tr_imatrix_info *tr_imatrix_info(const struct tr_imatrix *im);

/* What is known of one tensor. */
struct tr_imatrix_entry {
    const char *name;   /* of the weight: "blk.0.attn_q.weight" */
    int64_t n_mat, row; /* matrices that were counted by themselves (experts), and the
                           numbers of each; the old form knows one matrix only */
    const float *mean;  // (n_mat, row) of the squares of inputs; 1 where none was counted
    const double *count; // (n_mat) inputs that were seen; of the old form: chunks
};
/* i = 0, 1, … in the order of the file, until NULL. */
const struct tr_imatrix_entry *tr_imatrix_at(const struct tr_imatrix *im, size_t i);

/* The means for a weight of n_mat matrices with rows of `row` numbers: (n_mat, row).  NULL
 * if the file has none, or, with TR_EMISMATCH in err, if it has another number of them. */
const float *tr_imatrix_find(const struct tr_imatrix *im, const char *tensor, int64_t row,
                             int64_t n_mat, struct tr_err *err);

#ifdef __cplusplus
}
#endif
#endif
