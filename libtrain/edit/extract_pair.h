/* SPDX-License-Identifier: MIT
 *
 * A matrix as a product of two of low rank, for extract.c.
 */
#ifndef LIBTRAIN_EDIT_EXTRACT_PAIR_H
#define LIBTRAIN_EDIT_EXTRACT_PAIR_H

#include <libtrain/extract.h>

/* The factors of a tensor of n_matrix matrices (m, n). */
struct tr__factors {
    int64_t n_matrix, m, n, rank;
    float *a, *b;  // (n_matrix, rank, n), (n_matrix, m, rank)
    double lost;   /* squared norm of what is not in the product */
};

/* Of d (n_matrix, m, n), the rank as args say.  The caller frees a and b. */
int tr__factor(const float *d, const struct tr_extract_args *args, struct tr__factors *f,
               struct tr_err *err) TR_MUST_CHECK;

#endif
