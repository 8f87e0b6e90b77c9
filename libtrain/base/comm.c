/* SPDX-License-Identifier: MIT
 *
 * Processes that train together.  This file knows who was started and what must be agreed on;
 * comm_mpi.c alone knows MPI, and comm_single.c stands in its place without it.
 */
#include <libtrain/base/comm.h>

#include <stdlib.h>

static int started, rank, size = 1;

/* The number in the first of these variables that holds one above 0; else 0. */
static int first_number(const char *const *name)
{
    for (; *name; name++) {
        const char *text = getenv(*name);
        int n = text ? atoi(text) : 0; /* Slurm's may go on behind the first number */
        if (n > 0)
            return n;
    }
    return 0;
}

/* How many processes were started together, as far as the environment tells: Open MPI's
 * mpirun, PMI, Slurm's srun, anything that speaks PMIx.  MPI's own start is not tried
 * without a sign of these: it costs a process alone a third of a second and a daemon. */
static int n_started(void)
{
    static const char *const size_in[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                           "SLURM_STEP_NUM_TASKS", NULL };
    const char *pmix_rank = getenv("PMIX_RANK");
    int n = first_number(size_in);
    return n ? n : pmix_rank ? 1 + atoi(pmix_rank) : 0;
}

int tr_comm_start(struct tr_err *err)
{
    int wanted = n_started();
    if (!wanted || (wanted == 1 && !tr_comm_library()))
        return 0;
    int rc = tr__comm_start(&rank, &size, err);
    started = !rc;
    if (!rc && wanted > 1 && size == 1)
        rc = tr_err_set(err, TR_EUNSUPPORTED,
                        "%d processes were started, but MPI sees one alone: was it another "
                        "MPI that started them, or srun without --mpi=pmix?", wanted);
    return rc;
}

void tr_comm_stop(void)
{
    if (started)
        tr__comm_stop();
    started = rank = 0;
    size = 1;
}

int tr_comm_rank(void)
{
    return rank;
}

int tr_comm_size(void)
{
    return size;
}

int tr_comm_local_size(void)
{
    static const char *const size_in[] = { "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
                                           "SLURM_STEP_TASKS_PER_NODE", NULL };
    int n = first_number(size_in);
    return n ? n : 1;
}

void tr_comm_sum_f32(float *v, int64_t n)
{
    if (size > 1)
        tr__comm_sum_f32(v, n);
}

void tr_comm_sum_f64(double *v, int64_t n)
{
    if (size > 1)
        tr__comm_sum_f64(v, n);
}

int tr_comm_max(int v)
{
    return size > 1 ? tr__comm_max(v) : v;
}

void tr_comm_share(void *data, int64_t bytes)
{
    if (size > 1)
        tr__comm_share(data, bytes, 0);
}

int tr_comm_agree(int rc, struct tr_err *err)
{
    int first = size - tr_comm_max(rc ? size - rank : 0); /* lowest that failed, or size */
    struct tr_err all = {0};
    if (size == 1 || first == size)
        return rc;
    if (first == rank) {
        if (err && err->code)
            all = *err;
        tr_err_set(&all, rc, "failed"); /* only if err says nothing */
        if (rank)
            tr_err_prefix(&all, "rank %d", rank);
    }
    tr__comm_share(&all, sizeof all, first);
    if (err)
        *err = all;
    return all.code;
}
