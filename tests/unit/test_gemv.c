/* SPDX-License-Identifier: MIT
 *
 * Products of few rows with every type that can be unpacked, against sums in f64 over the
 * unpacked weight; the same bits at any number of threads.
 */
#include "sanitized.h"
#include "suite.h"

#include <libtrain/matmul/gemv.h>
#include <libtrain/quants/int8_row.h>
#include <libtrain/rng.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_K = 3072, N = SANITIZED ? 33 : 301, LDX = MAX_K + 5, LDY = N + 7 };

static float w[N * MAX_K], x[TR__GEMV_ROWS * LDX], start[TR__GEMV_ROWS * LDY],
    y[TR__GEMV_ROWS * LDY], again[TR__GEMV_ROWS * LDY];
static char packed[8 * N * MAX_K];

static void fill(float *to, int64_t n)
{
    struct tr_rng rng = tr_rng_init(3, (uint64_t)n);
    for (int64_t i = 0; i < n; i++)
        to[i] = 2 * tr_rng_uniform(&rng) - 1;
}

/* Any levels, with scales that are finite; of MXFP4, whose first byte is the scale, about 1. */
static void any_blocks(const struct tr_dtype *t, int64_t n)
{
    int64_t salt = 0;
    for (int64_t k = 0; k < n; k++) {
        char *b = packed + k * t->bytes;
        do
            for (int64_t i = 0; i < t->bytes; i++)
                b[i] = (char)(i ? (i + ++salt) * 37 % 251 : 124 + k % 5);
        while (t->finite && !t->finite(b, t->block));
    }
}

/* A weight (N, k) of this type; w holds what it stands for. */
static struct tr__matrix weight(const struct tr_dtype *t, int64_t k)
{
    int64_t n = N * k;
    fill(w, n);
    if (t->from_f32)
        t->from_f32(w, packed, n);
    else if (t->block > 1)
        any_blocks(t, n / t->block);
    else /* f64 */
        for (int64_t i = 0; i < n; i++)
            memcpy(packed + 8 * i, &(double){ (double)w[i] }, 8);
    t->to_f32(packed, w, n);
    return (struct tr__matrix){ .dtype = t, .rows = N, .cols = k, .data = packed };
}

static void check_product(const struct tr_dtype *t, int64_t m, int64_t k, float beta)
{
    const float alpha = 0.75f;
    struct tr__matrix wt = weight(t, k);
    for (int i = 0; i < TR__GEMV_ROWS * LDY; i++)
        y[i] = beta != 0 ? start[i] : NAN; /* not read, or it shows */
    memcpy(again, y, sizeof y);
    tr_threads(1);
    tr__gemv_xwt(m, alpha, x, LDX, &wt, beta, y, LDY);
    for (int64_t i = 0; i < m * N; i++) {
        int64_t row = i / N, col = i % N;
        double sum = 0, size = 0;
        for (int64_t j = 0; j < k; j++) {
            double term = (double)x[row * LDX + j] * (double)w[col * k + j];
            sum += term;
            size += fabs(term);
        }
        double want = (double)alpha * sum;
        if (beta != 0)
            want += (double)beta * (double)start[row * LDY + col];
        double error = (double)y[row * LDY + col] - want;
        if (!(fabs(error) <= 1e-6 * (1 + size)))
            ck_abort_msg("%s, m %d, k %d: (%d, %d) is %g, not %g", t->name, (int)m, (int)k,
                         (int)row, (int)col, (double)y[row * LDY + col], want);
    }
    for (int threads = 2; threads <= 5; threads++) {
        float more[TR__GEMV_ROWS * LDY];
        memcpy(more, again, sizeof more);
        tr_threads(threads);
        tr__gemv_xwt(m, alpha, x, LDX, &wt, beta, more, LDY);
        ck_assert_msg(!memcmp(more, y, sizeof y), "%s, m %d, k %d, %d threads: other bits",
                      t->name, (int)m, (int)k, threads);
    }
}

/* In integers: off by what rounding x to bytes costs, half of a 254th of the largest of 32 for
 * each term, and the same bits at any number of threads. */
START_TEST(test_int8)
{
    const struct tr_dtype *t = tr_dtype_at(_i);
    struct tr_arena scratch;
    if (!t->dot_int8)
        return;
    int64_t block = t->block, sizes[] = { block, 9 * block, 2048 / block * block + block };
    fill(x, TR__GEMV_ROWS * LDX);
    for (size_t i = 0; i < 3; i++)
        for (int64_t m = 1; m <= TR__GEMV_ROWS; m += TR__GEMV_ROWS - 1) {
            struct tr__matrix wt = weight(t, sizes[i]);
            size_t room = tr__gemv_int8_scratch(m, &wt);
            ck_assert_int_eq(tr_arena_init(&scratch, "x", room, NULL), 0);
            memset(y, 0, sizeof y);
            tr_threads(1);
            tr__gemv_int8(&scratch, m, 0.75f, x, LDX, &wt, 0, y, LDY);
            for (int64_t j = 0; j < m * N; j++) {
                double sum = 0, size = 0;
                for (int64_t l = 0; l < sizes[i]; l++) {
                    double wl = (double)w[j % N * sizes[i] + l];
                    sum += (double)x[j / N * LDX + l] * wl;
                    size += fabs(wl) / 254 * 1.01;
                }
                double error = (double)y[j / N * LDY + j % N] - 0.75 * sum;
                ck_assert_msg(fabs(error) <= 0.75 * size + 1e-6 && (sum == 0 || y[j / N * LDY + j % N] != 0),
                              "%s, k %d: %g is off by %g", t->name, (int)sizes[i], sum, error);
            }
            memset(again, 0, sizeof again);
            tr_threads(3);
            tr__gemv_int8(&scratch, m, 0.75f, x, LDX, &wt, 0, again, LDY);
            ck_assert_mem_eq(y, again, sizeof y);
            tr_arena_release(&scratch);
        }
}
END_TEST

/* Whole numbers of which one of each 32 is 127 are bytes without rounding: then products in
 * integers are those of floats, but for the order in which sums of 32 are added. */
START_TEST(test_int8_exact)
{
    const struct tr_dtype *t = tr_dtype_at(_i);
    if (!t->dot_int8)
        return;
    int64_t block = t->block, sizes[] = { block, 9 * block, 2048 / block * block + block };
    for (int64_t j = 0; j < MAX_K; j++)
        x[j] = (float)(j % 32 == 5 ? j / 32 % 2 * 254 - 127 : (j * 89 + 31) % 255 - 127);
    for (size_t i = 0; i < 3; i++) {
        static char room[8 * MAX_K];
        weight(t, sizes[i]);
        struct tr__int8_row row = tr__int8_pack(x, sizes[i], room);
        for (int64_t r = 0; r < N; r++) {
            double want = 0, size = 0;
            for (int64_t j = 0; j < sizes[i]; j++) {
                want += (double)x[j] * (double)w[r * sizes[i] + j];
                size += fabs((double)x[j] * (double)w[r * sizes[i] + j]);
            }
            float got = t->dot_int8(packed + r * sizes[i] / block * t->bytes, &row, sizes[i]);
            ck_assert_msg(fabs((double)got - want) <= 3e-6 * size, "%s, k %d, row %d: %g, not %g",
                          t->name, (int)sizes[i], (int)r, (double)got, want);
        }
    }
}
END_TEST

/* One block, an odd number of blocks, more than is unpacked at once. */
START_TEST(test_product)
{
    const struct tr_dtype *t = tr_dtype_at(_i);
    if (!t->to_f32) /* integers, and types known by size only */
        return;
    int64_t block = t->block, sizes[] = { block, 9 * block, 2048 / block * block + block };
    fill(x, TR__GEMV_ROWS * LDX);
    fill(start, TR__GEMV_ROWS * LDY);
    for (int m = 1; m <= TR__GEMV_ROWS; m++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_product(t, m, sizes[i], 0);
            check_product(t, m, sizes[i], 1);
        }
}
END_TEST

int main(void)
{
    int n_type = 0;
    while (tr_dtype_at(n_type))
        n_type++;
    Suite *suite = suite_create("gemv");
    TCase *tc = tcase_create("gemv");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_product, 0, n_type);
    tcase_add_loop_test(tc, test_int8, 0, n_type);
    tcase_add_loop_test(tc, test_int8_exact, 0, n_type);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
