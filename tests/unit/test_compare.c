/* SPDX-License-Identifier: MIT
 *
 * Two models compared by the losses of their sequences.  What is expected was computed in
 * another way: the variance of a ratio as textbooks write it, and Student's t from the
 * incomplete beta function to thirty digits.
 */
#include "suite.h"

#include <libtrain/eval.h>

#include <math.h>

enum { MOST = 200 };

static struct tr_sequence_loss before[MOST], after[MOST];

static void set(uint64_t n, const double *weight, const double *a, const double *b)
{
    for (uint64_t i = 0; i < n; i++) {
        before[i] = (struct tr_sequence_loss){ weight[i], a[i] };
        after[i] = (struct tr_sequence_loss){ weight[i], b[i] };
    }
}

static void expect(uint64_t n, struct tr_loss_change want)
{
    struct tr_loss_change c;
    ck_assert_int_eq(tr_loss_compare(before, after, n, &c, NULL), 0);
    ck_assert_uint_eq(c.n, want.n);
    ck_assert_double_eq_tol(c.weight, want.weight, 1e-9);
    ck_assert_double_eq_tol(c.before, want.before, 1e-12);
    ck_assert_double_eq_tol(c.after, want.after, 1e-12);
    ck_assert_double_eq_tol(c.change, want.change, 1e-12);
    ck_assert_double_eq_tol(c.margin / want.margin, 1, 3e-5); /* Student's t */
}

static const double weight[] = { 250, 250, 31, 120, 250, 7, 249, 1, 80 };
static const double loss_a[] = { 4.25, 3.5, 4.0, 3.75, 4.5, 2.0, 3.125, 6.5, 4.75 };
static const double loss_b[] = { 4.0, 3.375, 4.125, 3.5, 4.25, 2.25, 3.0, 6.0, 4.625 };

START_TEST(few_sequences)
{
    set(9, weight, loss_a, loss_b);
    struct tr_loss_change all = { 3.8894386106623586,   3.709915185783522,
                                  -0.17952342487883682, 0.06786083152703946, 1238, 9 };
    expect(9, all);
    before[8].weight = after[8].weight = 0; /* one that has no part */
    expect(9, (struct tr_loss_change){ 3.8299870466321244, 3.6466968911917097,
                                       -0.18329015544041452, 0.0738355774771874, 1158, 8 });
}
END_TEST

START_TEST(many_sequences)
{
    for (int i = 0; i < MOST; i++) {
        before[i] = (struct tr_sequence_loss){ 10 + i * 37 % 241, 3 + i * 17 % 64 / 64.0 };
        after[i] = before[i];
        after[i].loss += (i * 29 % 32 - 12) / 128.0;
    }
    expect(MOST, (struct tr_loss_change){ 3.4952279355517306, 3.5229647757697458,
                                          0.027736840218014917, 0.011349158336512797, 26145,
                                          MOST });
}
END_TEST

START_TEST(too_few_for_a_margin)
{
    struct tr_loss_change c;
    set(7, weight, loss_a, loss_b);
    ck_assert_int_eq(tr_loss_compare(before, after, 7, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 7);
    ck_assert(isinf(c.margin) && c.margin > 0);
}
END_TEST

/* The same difference everywhere leaves nothing open. */
START_TEST(no_spread)
{
    struct tr_loss_change c;
    for (int i = 0; i < 8; i++) {
        before[i] = (struct tr_sequence_loss){ weight[i], loss_a[i] };
        after[i] = (struct tr_sequence_loss){ weight[i], loss_a[i] - 0.5 };
    }
    ck_assert_int_eq(tr_loss_compare(before, after, 8, &c, NULL), 0);
    ck_assert(c.change == -0.5 && c.margin == 0);
}
END_TEST

START_TEST(refused)
{
    struct tr_loss_change c;
    ck_assert_int_eq(tr_loss_compare(before, after, 0, &c, NULL), TR_EFORMAT);
    set(9, weight, loss_a, loss_b);
    after[4].weight = 249;
    ck_assert_int_eq(tr_loss_compare(before, after, 9, &c, NULL), TR_EMISMATCH);
    after[4].weight = 250;
    static const double bad[] = { NAN, INFINITY, -INFINITY };
    for (int i = 0; i < 3; i++) {
        after[4].loss = bad[i];
        ck_assert_int_eq(tr_loss_compare(before, after, 9, &c, NULL), TR_EFORMAT);
    }
    after[4].loss = 4;
    before[8].weight = after[8].weight = -1;
    ck_assert_int_eq(tr_loss_compare(before, after, 9, &c, NULL), TR_EFORMAT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compare");
    TCase *t = tcase_create("compare");
    tcase_add_test(t, few_sequences);
    tcase_add_test(t, many_sequences);
    tcase_add_test(t, too_few_for_a_margin);
    tcase_add_test(t, no_spread);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
