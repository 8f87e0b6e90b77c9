/* SPDX-License-Identifier: MIT
 *
 * Processes that train together.  One that mpirun (or a batch system's srun) started,
 * in a build with MPI=1, is rank `tr_comm_rank` of `tr_comm_size`; every other is rank 0
 * of 1, and for it nothing here costs anything or waits for anyone.
 *
 * "Collective": every rank makes the same calls in the same order, or the others wait
 * for ever.  A rank that dies while others wait ends them all: mpirun and the MPI library
 * see to that.  The state is the process's, like MPI's own.
 */
#ifndef LIBTRAIN_COMM_H
#define LIBTRAIN_COMM_H

#include <libtrain/error.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Join the others; collective.  Does nothing if nobody started this process as one of
 * several.  TR_EUNSUPPORTED if somebody did and this build cannot.  Once a process. */
int tr_comm_start(struct tr_err *err) TR_MUST_CHECK;
/* Leave; collective.  Without a start it does nothing. */
void tr_comm_stop(void);

int tr_comm_rank(void);
int tr_comm_size(void);

/* Ranks on this machine, as whoever started them says in the environment; works before the
 * start and in every build.  1 if nobody did. */
int tr_comm_local_size(void);

/* Sum over all ranks, in place, the same bits on each; collective.  The order of the sum is
 * the MPI library's: the same for the same number of ranks and the same installation. */
void tr_comm_sum_f32(float *v, int64_t n);
void tr_comm_sum_f64(double *v, int64_t n);

/* The largest v of all ranks; collective. */
int tr_comm_max(int v);

/* Bytes of rank 0 to all; collective. */
void tr_comm_share(void *data, int64_t bytes);

/* One fails, all fail; collective.  rc and err are what this rank met so far (0: nothing).
 * Returns the code of the lowest rank that failed, whose text is then in every err, with
 * "rank N: " in front unless N is 0; 0 if none did.  err may be NULL. */
int tr_comm_agree(int rc, struct tr_err *err) TR_MUST_CHECK;

/* The library that carries all this, "Open MPI v4.1.4"; NULL in a build without one.
 * Static. */
const char *tr_comm_library(void);

#ifdef __cplusplus
}
#endif
#endif
