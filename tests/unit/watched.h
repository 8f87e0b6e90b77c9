/* SPDX-License-Identifier: MIT
 *
 * Somebody who wants to know how far it is (libtrain/progress.h), for one file each.
 */
#ifndef TESTS_WATCHED_H
#define TESTS_WATCHED_H

#include <libtrain/progress.h>

#include <check.h>
#include <omp.h>

struct watched { /* start with {0} */
    int n;
    int64_t done, total; /* as they were told last */
};

/* It only grows, up to the total where there is one, and nothing runs beside it. */
static void watched_at(void *ctx, int64_t done, int64_t total)
{
    struct watched *w = ctx;
    ck_assert(done >= w->done && (done <= total || !total) && !omp_in_parallel());
    *w = (struct watched){ w->n + 1, done, total };
}

#endif
