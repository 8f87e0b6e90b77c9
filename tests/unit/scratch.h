/* SPDX-License-Identifier: MIT
 *
 * A directory of its own for each test: make_dir and remove_dir are a checked fixture,
 * `path` and `other` two names in it, in_dir gives more.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SCRATCH = 32 };
static char dir[256], path[300], other[300];
static char scratch[MAX_SCRATCH][300];
static int n_scratch;

static void make_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/libtrain.XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.gguf", dir);
    snprintf(other, sizeof other, "%s/b.gguf", dir);
    n_scratch = 0;
}

/* The path of a file of this name, which remove_dir removes too. */
static inline const char *in_dir(const char *name)
{
    ck_assert_int_lt(n_scratch, MAX_SCRATCH);
    char *s = scratch[n_scratch++];
    snprintf(s, sizeof scratch[0], "%s/%s", dir, name);
    return s;
}

/* Also the proof that no test left a temporary: rmdir fails if there is one. */
static void remove_dir(void)
{
    unlink(path);
    unlink(other);
    while (n_scratch > 0)
        unlink(scratch[--n_scratch]);
    ck_assert_int_eq(rmdir(dir), 0);
}

static inline void write_bytes(const char *to, const void *data, size_t n)
{
    FILE *f = fopen(to, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

#endif
