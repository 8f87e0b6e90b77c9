/* SPDX-License-Identifier: MIT
 *
 * The order of an epoch is a permutation for every size, and depends on seed and epoch.
 */
#include "suite.h"

#include <libtrain/pack.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_permutation(uint64_t seed, uint64_t epoch, uint64_t n)
{
    char *seen = calloc(1, n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t k = tr_pack_order(seed, epoch, n, i);
        if (k >= n || seen[k])
            ck_abort_msg("n %llu: %llu is out of range or twice", (unsigned long long)n,
                         (unsigned long long)k);
        seen[k] = 1;
    }
    free(seen);
}

START_TEST(order_is_a_permutation)
{
    static const uint64_t big[] = { 1023, 1024, 1025, 4096, 4097, 100003, 262145 };
    for (uint64_t n = 1; n <= 300; n++)
        expect_permutation(n, n % 7, n);
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++)
        expect_permutation(1, 0, big[i]);
    for (uint64_t i = 0; i < 1000; i++) /* far from 32 bits */
        ck_assert_uint_lt(tr_pack_order(1, 1, UINT64_MAX - 5, i), UINT64_MAX - 5);
}
END_TEST

START_TEST(order_depends_on_seed_and_epoch)
{
    enum { N = 1000 };
    int same_epoch = 0, same_seed = 0, in_place = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t k = tr_pack_order(1, 0, N, i);
        same_epoch += k == tr_pack_order(1, 1, N, i);
        same_seed += k == tr_pack_order(2, 0, N, i);
        in_place += k == i;
    }
    ck_assert_int_lt(same_epoch, 12); /* one is what chance gives */
    ck_assert_int_lt(same_seed, 12);
    ck_assert_int_lt(in_place, 12);
}
END_TEST

/* Each of the n! orders of a few sequences, over many seeds: chi-square, with room for the
 * tail. */
START_TEST(order_is_fair)
{
    static const uint64_t factorial[] = { 1, 1, 2, 6, 24, 120 };
    enum { TRIALS = 24000 };
    uint64_t n = 2 + (uint64_t)_i, count[120] = { 0 };
    for (uint64_t seed = 0; seed < TRIALS; seed++) {
        uint64_t code = 0, left[5] = { 0, 1, 2, 3, 4 };
        for (uint64_t i = 0; i < n; i++) {
            uint64_t k = 0, v = tr_pack_order(seed, 3, n, i);
            while (left[k] != v)
                k++;
            code = code * (n - i) + k; /* Lehmer code */
            memmove(left + k, left + k + 1, (4 - k) * sizeof left[0]);
        }
        count[code]++;
    }
    double expect = (double)TRIALS / (double)factorial[n], chi = 0;
    for (uint64_t i = 0; i < factorial[n]; i++)
        chi += ((double)count[i] - expect) * ((double)count[i] - expect) / expect;
    double free_n = (double)factorial[n] - 1;
    ck_assert_msg(chi < free_n + 5 * sqrt(2 * free_n) + 5, "n %d: chi2 %g of %g", (int)n,
                  chi, free_n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shuffle");
    TCase *t = tcase_create("order");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, order_is_a_permutation);
    tcase_add_test(t, order_depends_on_seed_and_epoch);
    tcase_add_loop_test(t, order_is_fair, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
