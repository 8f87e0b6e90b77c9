/* SPDX-License-Identifier: MIT
 *
 * Conversion of numbers: threads and chunks leave no trace, and what is not finite is seen.
 */
#include "suite.h"

#include <libtrain/dtype.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* More than one chunk, and no whole number of them. */
enum { N = 50000 / 256 * 256 };

static float *numbers(void)
{
    uint32_t r = 1;
    float *x = malloc(N * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int i = 0; i < N; i++) {
        r = r * 1664525 + 1013904223;
        x[i] = (float)(int32_t)r * 0x1p-31f;
    }
    return x;
}

/* Every pair of types that can be converted, against one call of each function. */
START_TEST(test_pairs)
{
    float *x = numbers(), *y = malloc(N * sizeof *y);
    char *src = malloc(N * 4), *want = malloc(N * 4), *got = malloc(N * 4);
    const struct tr_dtype *from, *to;
    for (int i = 0; (from = tr_dtype_at(i)); i++) {
        if (!from->from_f32)
            continue;
        from->from_f32(x, src, N);
        for (int k = 0; (to = tr_dtype_at(k)); k++) {
            if (!to->from_f32)
                continue;
            size_t bytes = (size_t)(N / to->block * to->bytes);
            from->to_f32(src, y, N);
            to->from_f32(y, want, N);
            if (from == to)
                memcpy(want, src, bytes);
            for (int threads = 1; threads <= 3; threads++) {
                omp_set_num_threads(threads);
                memset(got, 0x55, bytes);
                ck_assert_int_eq(tr_convert(from, src, to, got, N), 0);
                ck_assert_msg(!memcmp(got, want, bytes), "%s to %s, %d threads",
                              from->name, to->name, threads);
            }
        }
    }
    free(x);
    free(y);
    free(src);
    free(want);
    free(got);
}
END_TEST

START_TEST(test_not_finite)
{
    static const int place[] = { 0, 16383, 16384, N - 1 };
    float *x = numbers();
    char *out = malloc(N * 4);
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        float was = x[place[i]];
        x[place[i]] = NAN;
        ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_f32, out, N), TR_CONVERT_BAD_SRC);
        ck_assert_int_eq(tr_convert(&tr_f32, x, tr_dtype_by_name("Q4_0"), out, N),
                         TR_CONVERT_BAD_SRC | TR_CONVERT_BAD_DST);
        x[place[i]] = 1e30f;
        ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_f16, out, N), TR_CONVERT_BAD_DST);
        ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_bf16, out, N), 0);
        x[place[i]] = was;
    }
    ck_assert_int_eq(tr_convert(&tr_f32, x, &tr_f16, out, N), 0);
    free(x);
    free(out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("convert");
    TCase *t = tcase_create("convert");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_pairs);
    tcase_add_test(t, test_not_finite);
    suite_add_tcase(s, t);
    return run_suite(s);
}
