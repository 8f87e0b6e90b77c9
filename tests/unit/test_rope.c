/* SPDX-License-Identifier: MIT
 *
 * Frequencies of rope, plain and scaled, against what transformers makes of the same
 * numbers in f64.
 */
#include "suite.h"

#include <libtrain/model/model.h>

#include <math.h>

enum { MAX_PAIR = 32 };

static const struct {
    const char *name;
    int n_rot;
    float base;
    int64_t n_ctx;
    struct tr_rope_scaling scaling;
    double scale, freq[MAX_PAIR];
} cases[] = {
#include "rope.def"
};
enum { N_CASE = sizeof cases / sizeof *cases };

/* Half a unit in the last place of f32, and the same of numbers that are stored in it. */
static void assert_near(float got, double want, const char *name, int i)
{
    ck_assert_msg(fabs((double)got - want) <= 1.2e-7 * fabs(want) + 1e-29,
                  "%s, %d: %.9g, not %.9g", name, i, (double)got, want);
}

START_TEST(frequencies)
{
    float freq[MAX_PAIR + 1];
    int n = cases[_i].n_rot / 2;
    freq[n] = -1;
    float scale = tr__rope_freq(freq, cases[_i].n_rot, cases[_i].base, &cases[_i].scaling,
                                cases[_i].n_ctx);
    assert_near(scale, cases[_i].scale, cases[_i].name, -1);
    for (int i = 0; i < n; i++)
        assert_near(freq[i], cases[_i].freq[i], cases[_i].name, i);
    ck_assert(freq[n] == -1);
}
END_TEST

/* The factor for what has turned that a file gives comes on top of yarn's own. */
START_TEST(attention_factor_with_yarn)
{
    float freq[8];
    struct tr_rope_scaling s = { .factor = 4, .n_ctx_orig = 32, .ext_factor = 1,
                                  .beta_fast = 32, .beta_slow = 1 };
    float own = tr__rope_freq(freq, 16, 10000, &s, 32);
    s.attn_factor = 2;
    assert_near(tr__rope_freq(freq, 16, 10000, &s, 32), 2 * (double)own, "twice", -1);
}
END_TEST

/* Half of yarn is half way between dividing all and what yarn does. */
START_TEST(part_of_yarn)
{
    float all[8], half[8], none[8];
    struct tr_rope_scaling s = { .factor = 4, .n_ctx_orig = 2048, .ext_factor = 1,
                                  .beta_fast = 32, .beta_slow = 1 };
    tr__rope_freq(all, 16, 10000, &s, 0);
    s.ext_factor = 0.5f;
    tr__rope_freq(half, 16, 10000, &s, 0);
    s.ext_factor = 0;
    tr__rope_freq(none, 16, 10000, &s, 0);
    ck_assert(all[0] == 1 && half[0] == 0.625f && none[0] == 0.25f);
    for (int i = 0; i < 8; i++)
        assert_near(half[i], ((double)all[i] + (double)none[i]) / 2, "half", i);
}
END_TEST

/* Whatever a file says, frequencies are numbers. */
START_TEST(odd_numbers)
{
    float freq[8];
    static const float bases[] = { 1, 1.5f, 1e30f };
    for (int i = 0; i < 3; i++)
        for (int64_t orig = 1; orig < 1 << 20; orig *= 7) {
            struct tr_rope_scaling s = { .factor = 4, .n_ctx_orig = orig, .ext_factor = 1,
                                          .beta_fast = 1, .beta_slow = 32 };
            float scale = tr__rope_freq(freq, 16, bases[i], &s, 1);
            ck_assert(isfinite(scale));
            for (int j = 0; j < 8; j++)
                ck_assert(freq[j] >= 0 && freq[j] <= 1);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rope");
    TCase *tc = tcase_create("rope");
    tcase_add_loop_test(tc, frequencies, 0, N_CASE);
    tcase_add_test(tc, attention_factor_with_yarn);
    tcase_add_test(tc, part_of_yarn);
    tcase_add_test(tc, odd_numbers);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
