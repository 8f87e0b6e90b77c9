/* SPDX-License-Identifier: MIT
 *
 * Functions of LAPACK that OpenBLAS brings, by their Fortran names: matrices are column-major,
 * which of our row-major ones are the transposed.  Users call what matmul.h makes of them.
 */
#ifndef LIBTRAIN_MATMUL_LAPACK_H
#define LIBTRAIN_MATMUL_LAPACK_H

#include <stddef.h>

/* Singular values by divide and conquer.  The last argument is the length of jobz. */
void sgesdd_(const char *jobz, const int *m, const int *n, float *a, const int *lda, float *s,
             float *u, const int *ldu, float *vt, const int *ldvt, float *work,
             const int *lwork, int *iwork, int *info, size_t jobz_len);

/* a = L Q, and Q itself of what that leaves. */
void sgelqf_(const int *m, const int *n, float *a, const int *lda, float *tau, float *work,
             const int *lwork, int *info);
void sorglq_(const int *m, const int *n, const int *k, float *a, const int *lda,
             const float *tau, float *work, const int *lwork, int *info);

/* The Cholesky factor, in place; info: the pivot that is not above 0.  The last argument is the
 * length of uplo. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info,
             size_t uplo_len);

#endif
