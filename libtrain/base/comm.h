/* SPDX-License-Identifier: MIT
 *
 * Between comm.c and what moves the bytes: comm_mpi.c, or comm_single.c in a build without
 * MPI.  Nothing here is called while there is one rank, but for start and library.
 */
#ifndef LIBTRAIN_BASE_COMM_H
#define LIBTRAIN_BASE_COMM_H

#include <libtrain/comm.h>

int tr__comm_start(int *rank, int *size, struct tr_err *err) TR_MUST_CHECK;
void tr__comm_stop(void);
void tr__comm_sum_f32(float *v, int64_t n);
void tr__comm_sum_f64(double *v, int64_t n);
int tr__comm_max(int v);
void tr__comm_share(void *data, int64_t bytes, int from);

#endif
