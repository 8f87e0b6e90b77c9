/* SPDX-License-Identifier: MIT
 *
 * A process alone.  What several do together: tests/cmd/mpi.sh.
 */
#include "suite.h"

#include <libtrain/comm.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* What may be set if the tests themselves run under mpirun or srun. */
static void forget_starters(void)
{
    static const char *const name[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK",
                                        "SLURM_STEP_NUM_TASKS", "MPI_LOCALNRANKS",
                                        "OMPI_COMM_WORLD_LOCAL_SIZE",
                                        "SLURM_STEP_TASKS_PER_NODE" };
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        unsetenv(name[i]);
}

START_TEST(alone_nothing_changes)
{
    struct tr_err err = {0};
    float f[] = { 1, 2 };
    double d[] = { 3, 4 };
    ck_assert_int_eq(tr_comm_start(&err), 0);
    ck_assert_int_eq(tr_comm_rank(), 0);
    ck_assert_int_eq(tr_comm_size(), 1);
    tr_comm_sum_f32(f, 2);
    tr_comm_sum_f64(d, 2);
    tr_comm_share(f, sizeof f);
    ck_assert(f[0] == 1 && f[1] == 2 && d[0] == 3 && d[1] == 4);
    ck_assert_int_eq(tr_comm_max(-7), -7);
    tr_comm_stop();
}
END_TEST

START_TEST(alone_a_failure_stays_as_it_is)
{
    struct tr_err err = {0};
    ck_assert_int_eq(tr_comm_agree(0, &err), 0);
    ck_assert_int_eq(err.code, 0);
    tr_err_set(&err, TR_EFORMAT, "bad byte");
    ck_assert_int_eq(tr_comm_agree(TR_EFORMAT, &err), TR_EFORMAT);
    ck_assert_str_eq(err.text, "bad byte");
    ck_assert_int_eq(tr_comm_agree(TR_EIO, NULL), TR_EIO);
}
END_TEST

START_TEST(one_of_several_needs_mpi)
{
    static const char *const set[][2] = { { "OMPI_COMM_WORLD_SIZE", "2" },
                                          { "PMI_SIZE", "8" },
                                          { "SLURM_STEP_NUM_TASKS", "3" },
                                          { "PMIX_RANK", "1" } };
    if (tr_comm_library())
        return; /* would start MPI for real */
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        struct tr_err err = {0};
        forget_starters();
        setenv(set[i][0], set[i][1], 1);
        ck_assert_int_eq(tr_comm_start(&err), TR_EUNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "make MPI=1"));
        ck_assert_int_eq(tr_comm_size(), 1);
    }
    forget_starters();
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1); /* mpirun -n 1 is a process alone */
    ck_assert_int_eq(tr_comm_start(NULL), 0);
}
END_TEST

START_TEST(neighbours_are_in_the_environment)
{
    ck_assert_int_eq(tr_comm_local_size(), 1);
    setenv("SLURM_STEP_TASKS_PER_NODE", "4(x2),3", 1);
    ck_assert_int_eq(tr_comm_local_size(), 4);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 1);
    ck_assert_int_eq(tr_comm_local_size(), 2);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "nonsense", 1);
    setenv("SLURM_STEP_TASKS_PER_NODE", "-1", 1);
    ck_assert_int_eq(tr_comm_local_size(), 1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("comm");
    tcase_add_checked_fixture(tc, forget_starters, NULL);
    tcase_add_test(tc, alone_nothing_changes);
    tcase_add_test(tc, alone_a_failure_stays_as_it_is);
    tcase_add_test(tc, one_of_several_needs_mpi);
    tcase_add_test(tc, neighbours_are_in_the_environment);
    Suite *s = suite_create("comm");
    suite_add_tcase(s, tc);
    return run_suite(s);
}
