/* SPDX-License-Identifier: MIT
 *
 * Arrays that become larger than memory should hold: nothing is lost where they move to a file,
 * and memory does not grow with them.
 */
#include "sanitized.h"
#include "suite.h"

#include <libtrain/base/base.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static long anonymous_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static const size_t sizes[] = { 1, 4, 24 };

static char mark(size_t i)
{
    return (char)(i * 2654435761u >> 7);
}

START_TEST(grows_beyond_memory)
{
    enum { STEP = 500 };
    size_t size = sizes[_i], most = 4 * (size_t)TR__SPOOL_FROM / size, cap = 0;
    char *array = NULL;
    long before = anonymous_kib();
    for (size_t n = 0; n < most; n += STEP) {
        ck_assert_int_eq(tr__spool_grow(&array, &cap, n + 1, size), 0);
        MUST(cap > n);
        array[n * size] = mark(n);
    }
    for (size_t n = 0; n < most; n += STEP)
        MUST(array[n * size] == mark(n));
    if (!SANITIZED && before >= 0)
        ck_assert_int_le(anonymous_kib() - before, 2 * (TR__SPOOL_FROM >> 10));
    tr__spool_free(array, cap, size);
}
END_TEST

/* At once, and where no folder can have the file. */
START_TEST(takes_memory_without_a_file)
{
    size_t cap = 0, n = 2 * (size_t)TR__SPOOL_FROM;
    char *array = NULL;
    setenv("TMPDIR", "/dev/null/nowhere", 1);
    ck_assert_int_eq(tr__spool_grow(&array, &cap, n, 1), 0);
    array[0] = array[n - 1] = 7;
    ck_assert_int_eq(tr__spool_grow(&array, &cap, 2 * n, 1), 0);
    ck_assert_int_eq(array[0] + array[n - 1] + array[2 * n - 1], 14);
    tr__spool_free(array, cap, 1);
    array = NULL;
    cap = 0;
    ck_assert_int_ne(tr__spool_grow(&array, &cap, SIZE_MAX / 2, 4), 0);
    ck_assert_ptr_null(array);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spool");
    TCase *c = tcase_create("large arrays");
    tcase_add_loop_test(c, grows_beyond_memory, 0, sizeof sizes / sizeof *sizes);
    tcase_add_test(c, takes_memory_without_a_file);
    suite_add_tcase(s, c);
    return run_suite(s);
}
