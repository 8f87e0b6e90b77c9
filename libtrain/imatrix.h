/* SPDX-License-Identifier: MIT
 *
 * Importance matrices: how large the inputs of each weight are, by column, over some text.
 * Quantising spends its precision where they are large.  Files are those of llama.cpp, in
 * its GGUF form and in the older one of plain binary numbers (docs/formats/imatrix.md).
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

/* Making one: sums over inputs, and over files that were made before.  They are f64 and the
 * same for any number of threads. */
struct tr_imatrix_sums;
struct tr_imatrix_sums *tr_imatrix_sums_new(struct tr_err *err) TR_MUST_CHECK;
void tr_imatrix_sums_free(struct tr_imatrix_sums *s);

/* Add what a file holds, and its texts.  The old form counts chunks: they are taken for ones
 * of chunk_size positions.  TR_EMISMATCH names a tensor that has other sizes. */
int tr_imatrix_sums_add(struct tr_imatrix_sums *s, const struct tr_imatrix *im,
                        int64_t chunk_size, struct tr_err *err) TR_MUST_CHECK;
/* Say that a text of this name is in them too. */
int tr_imatrix_sums_add_text(struct tr_imatrix_sums *s, const char *name,
                             struct tr_err *err) TR_MUST_CHECK;

/* Add all that goes into the weights of blocks of m, which is watched (tr_model_watch) until it
 * is closed or watched by another; `output`: and into output.weight, if the file has it. */
struct tr_model;
void tr_imatrix_sums_watch(struct tr_imatrix_sums *s, struct tr_model *m, int output);
/* 0, or what went wrong on the way since then, after which nothing was added. */
int tr_imatrix_sums_error(const struct tr_imatrix_sums *s, struct tr_err *err) TR_MUST_CHECK;

/* Write llama.cpp's GGUF form, in its order. */
int tr_imatrix_sums_write(struct tr_imatrix_sums *s, const char *path, int64_t chunk_size,
                          struct tr_err *err) TR_MUST_CHECK;

/* How the means of one tensor are spread, which are `n` (experts that nothing came to have
 * none), in the terms of `llama-imatrix --show-statistics`. */
struct tr_imatrix_stats {
    const char *name;
    int64_t n_mat, n_idle; /* matrices, and those that nothing came to */
    int64_t n;
    double sum, min, max, mean, deviation;
    double active;  /* share that is above 1e-5 */
    double entropy; /* in bits, of the means as a distribution */
    double outlying; /* share that is more than a standard deviation above the mean */
    double similarity; /* cosine to the sums of this tensor in the block before; 0: none */
};
/* In the order of names, i = 0, 1, …: 0 behind the last one. */
int tr_imatrix_sums_stats(struct tr_imatrix_sums *s, size_t i, struct tr_imatrix_stats *out);

/* Matrices that nothing came to, of all tensors; *n_tensor: how many of those have one. */
int64_t tr_imatrix_sums_idle(const struct tr_imatrix_sums *s, int64_t *n_tensor);

#ifdef __cplusplus
}
#endif
#endif
