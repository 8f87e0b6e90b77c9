/* SPDX-License-Identifier: MIT
 *
 * One knob for all threads: OpenMP's and OpenBLAS's, and what the machine offers.
 */
#ifndef LIBTRAIN_THREADS_H
#define LIBTRAIN_THREADS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Use n threads everywhere (n < 1: as many as there are usable processors).  Returns the
 * number in use.  Where threads that are made from now on would have a stack of less than
 * 256 KiB, they get that.  Call from one thread, before work starts. */
int tr_threads(int n);

/* Usable processors: affinity and cgroup quota counted. */
int tr_n_processor(void);
/* The share of each of n processes on this machine, at least 1: no more than its own
 * affinity and no more than the n-th part of all there are. */
int tr_n_processor_each(int n);

/* Name of OpenBLAS's kernel set, and the one this processor should have (the same string
 * if there is nothing better).  Static strings. */
const char *tr_blas_core(void);
const char *tr_blas_best_core(void);
/* What to set in the environment, before the program starts, for better kernels:
 * "OPENBLAS_CORETYPE=SkylakeX"; NULL if those in use are the best.  OpenBLAS chooses when it is
 * loaded, so a running program cannot; libtrain's commands start themselves once more. */
const char *tr_blas_advice(void);
/* OpenBLAS's own description of its build.  Static. */
const char *tr_blas_config(void);

#ifdef __cplusplus
}
#endif
#endif
