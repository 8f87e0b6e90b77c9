/* SPDX-License-Identifier: MIT
 *
 * The end of main of every unit test, and an assertion for loops.
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
