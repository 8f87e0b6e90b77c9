/* SPDX-License-Identifier: MIT
 *
 * The end of main of every unit test, an assertion for loops, and a maximum.
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>

/* ck_assert tells the parent of every success, which takes long in loops of millions. */
#define MUST(what)                             \
    do {                                       \
        if (!(what))                           \
            ck_abort_msg("not so: %s", #what); \
    } while (0)

/* The larger of the two, NaN if one is: fmax forgets it, and loops over fmax make gcc 12 stop
 * with an internal error on aarch64. */
static inline double larger(double a, double b)
{
    return a > b || a != a ? a : b;
}

/* Runs and frees the suite; the status for exit. */
static int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

#endif
