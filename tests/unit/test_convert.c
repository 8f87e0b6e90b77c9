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
enum { N = 35000 / 256 * 256 };

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

/* Types know nothing of each other: it is enough that a source is F32, which goes another way,
 * or one that is packed. */
static int is_tried(const struct tr_dtype *from, const struct tr_dtype *to)
{
    return from == &tr_f32 || to == &tr_f32 || from == tr_dtype_by_name("Q4_K");
}

/* Pairs of types that can be converted, against one call of each function. */
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
            if (!to->from_f32 || !is_tried(from, to))
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

/* ==== with weights ==== */

/* As F32, times the weight and the first of the row: seen are the row, the column and whether
 * the row came whole. */
static void weighed_from_f32(const float *src, const float *weight, void *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ((float *)dst)[i] = src[i] * weight[i] * src[0];
}

START_TEST(test_weights)
{
    enum { ROW = 256, ROWS = N / ROW };
    struct tr_dtype weighed = tr_f32;
    weighed.from_f32_by = weighed_from_f32;
    float *x = numbers(), *back = malloc(N * 4), *got = malloc(N * 4);
    char *src = malloc(N * 4);
    const struct tr_dtype *from;
    for (int k = 0; (from = tr_dtype_at(k)); k++) {
        if (!from->from_f32)
            continue;
        from->from_f32(x, src, N);
        from->to_f32(src, back, N);
        for (int threads = 1; threads <= 3; threads++) {
            omp_set_num_threads(threads);
            memset(got, 0x55, N * sizeof *got);
            ck_assert_int_eq(tr_convert_by(from, src, &weighed, got, ROWS, ROW, x), 0);
            for (int i = 0; i < N; i++)
                ck_assert(got[i] == back[i] * x[i % ROW] * back[i / ROW * ROW]);
        }
    }
    x[N - 1] = INFINITY;
    ck_assert_int_eq(tr_convert_by(&tr_f32, x, &weighed, got, ROWS, ROW, x),
                     TR_CONVERT_BAD_SRC | TR_CONVERT_BAD_DST);
    free(x);
    free(back);
    free(got);
    free(src);
}
END_TEST

/* Without weights, and where they make no difference, it is the other function. */
START_TEST(test_no_weights)
{
    enum { ROW = 256, ROWS = N / ROW };
    float *x = numbers(), *want = malloc(N * 4), *got = malloc(N * 4);
    const struct tr_dtype *q4_k = tr_dtype_by_name("Q4_K"), *f16 = &tr_f16;
    ck_assert_int_eq(tr_convert(&tr_f32, x, q4_k, want, N), 0);
    ck_assert_int_eq(tr_convert_by(&tr_f32, x, q4_k, got, ROWS, ROW, NULL), 0);
    ck_assert_mem_eq(got, want, N / 256 * 144);
    ck_assert_int_eq(tr_convert(&tr_f32, x, f16, want, N), 0);
    ck_assert_int_eq(tr_convert_by(&tr_f32, x, f16, got, ROWS, ROW, x), 0);
    ck_assert_mem_eq(got, want, N * 2);
    free(x);
    free(want);
    free(got);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("convert");
    TCase *t = tcase_create("convert");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_pairs);
    tcase_add_test(t, test_not_finite);
    tcase_add_test(t, test_weights);
    tcase_add_test(t, test_no_weights);
    suite_add_tcase(s, t);
    return run_suite(s);
}
