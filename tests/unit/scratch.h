/* SPDX-License-Identifier: MIT
 *
 * A directory of its own for each test: make_dir and remove_dir are a checked fixture, and
 * `path` and `other` two names in it.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[256], path[300], other[300];

static void make_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/libtrain.XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.gguf", dir);
    snprintf(other, sizeof other, "%s/b.gguf", dir);
}

/* Also the proof that no test left a temporary: rmdir fails if there is one. */
static void remove_dir(void)
{
    unlink(path);
    unlink(other);
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
