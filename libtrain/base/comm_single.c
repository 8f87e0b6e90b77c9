/* SPDX-License-Identifier: MIT
 *
 * No MPI: what comm.c asks of one, in a build that can only work alone.
 */
#include <libtrain/base/comm.h>

#include <stddef.h>

int tr__comm_start(int *rank, int *size, struct tr_err *err)
{
    (void)rank, (void)size;
    return tr_err_set(err, TR_EUNSUPPORTED,
                      "started as one of several processes, but built without Open MPI: "
                      "build with `make MPI=1`");
}

void tr__comm_stop(void)
{
}

void tr__comm_sum_f32(float *v, int64_t n)
{
    (void)v, (void)n;
}

void tr__comm_sum_f64(double *v, int64_t n)
{
    (void)v, (void)n;
}

int tr__comm_max(int v)
{
    return v;
}

void tr__comm_share(void *data, int64_t bytes, int from)
{
    (void)data, (void)bytes, (void)from;
}

const char *tr_comm_library(void)
{
    return NULL;
}
