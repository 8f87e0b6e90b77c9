/* SPDX-License-Identifier: MIT
 *
 * exp, tanh, the logistic function, its integral and the normal distribution against the C library in
 * f64: every exponent, limits, NaN; the bounds are those that vmath.h promises.
 */
#include "sanitized.h"
#include "suite.h"

#include <libtrain/base/vmath.h>

#include <check.h>
#include <float.h>
#include <stdlib.h>

enum { BLOCK = 4096, STRIDE = SANITIZED ? 80021 : 8009, N_BLOCK = SANITIZED ? 30 : 300 };

struct function {
    const char *name;
    void (*run)(const float *x, float *y, int n); /* a loop: the vector form is tested */
    double (*exact)(double x);
    float low, high; /* where `ulp` holds */
    double ulp;
};

#define LOOP(function)                                                                   \
    static void run_##function(const float *x, float *y, int n)                          \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int i = 0; i < n; i++)                                                      \
            y[i] = tr__##function(x[i]);                                                 \
    }
LOOP(expf)
LOOP(tanhf)
LOOP(sigmoidf)
LOOP(sigmoid_slopef)
LOOP(softplusf)
LOOP(normalf)
LOOP(bellf)

static double exact_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double exact_slope(double x)
{
    double e = exp(-fabs(x));
    return e / ((1 + e) * (1 + e));
}

static double exact_softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double exact_normal(double x)
{
    return 0.5 * erfc(-x * sqrt(0.5));
}

static double exact_bell(double x)
{
    return exp(-0.5 * x * x);
}

static const struct function functions[] = {
    { "expf", run_expf, exp, TR__EXPF_MIN, 88.7228394f, 1.5 },
    { "tanhf", run_tanhf, tanh, -20, 20, 1.5 },
    { "sigmoidf", run_sigmoidf, exact_sigmoid, -86.9f, 100, 2.5 },
    { "sigmoid_slopef", run_sigmoid_slopef, exact_slope, -80, 80, 5 },
    { "softplusf", run_softplusf, exact_softplus, -86.9f, 1e30f, 3.5 },
    { "normalf", run_normalf, exact_normal, -12.8f, 100, 7 },
    { "bellf", run_bellf, exact_bell, -13.18f, 13.18f, 2.5 },
};
enum { N_FUNCTION = sizeof functions / sizeof functions[0] };

/* |y - exact| in units of the last place of a float near exact. */
static double ulps(float y, double exact)
{
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)y - exact) / ldexp(1.0, exponent < -125 ? -149 : exponent - 24);
}

static void check_block(const struct function *f, const float *x, double *worst)
{
    static float y[BLOCK];
    f->run(x, y, BLOCK);
    for (int i = 0; i < BLOCK; i++) {
        double off = ulps(y[i], f->exact((double)x[i]));
        ck_assert_msg(off <= f->ulp, "%s(%a) = %a is off by %g ulp", f->name, (double)x[i],
                      (double)y[i], off);
        *worst = fmax(*worst, off);
    }
}

/* Every STRIDE-th float of both signs that lies in the range: all magnitudes. */
START_TEST(test_accuracy)
{
    const struct function *f = &functions[_i];
    static float x[BLOCK];
    double worst = 0;
    int n = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        uint32_t b = (uint32_t)bits;
        memcpy(&x[n], &b, sizeof b);
        if (!(x[n] >= f->low && x[n] <= f->high))
            continue;
        if (++n == BLOCK) {
            check_block(f, x, &worst);
            n = 0;
        }
    }
    for (; n < BLOCK; n++)
        x[n] = 0.625f;
    check_block(f, x, &worst);
    ck_assert_msg(worst > 0.4, "%s: %g ulp is too good to be measured", f->name, worst);
}
END_TEST

/* Evenly over the range that training meets. */
START_TEST(test_accuracy_even)
{
    const struct function *f = &functions[_i];
    static float x[BLOCK];
    double worst = 0;
    for (int block = 0; block < N_BLOCK; block++) {
        for (int i = 0; i < BLOCK; i++) {
            float part = ((float)block + (float)i / BLOCK) / N_BLOCK;
            x[i] = fminf(f->high, f->low + (f->high - f->low) * part);
        }
        check_block(f, x, &worst);
    }
}
END_TEST

START_TEST(test_ends)
{
    float x[16] = { INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 88.73f, -88, 0.0f, -0.0f,
                    1e4f, -1e4f, 200, -200, FLT_MIN, -FLT_MIN, 0x1p-149f, -0x1p-149f };
    float e[16], t[16], s[16], d[16], p[16], b[16], l[16];
    run_expf(x, e, 16);
    run_tanhf(x, t, 16);
    run_sigmoidf(x, s, 16);
    run_sigmoid_slopef(x, d, 16);
    run_normalf(x, p, 16);
    run_bellf(x, b, 16);
    run_softplusf(x, l, 16);
    for (int i = 0; i < 12; i++) {
        int up = x[i] > 0, zero = x[i] == 0.0f;
        ck_assert_msg(e[i] == (zero ? 1.0f : up ? INFINITY : 0.0f), "exp %d", i);
        ck_assert_msg(t[i] == (zero ? x[i] : up ? 1.0f : -1.0f), "tanh %d", i);
        ck_assert_msg(s[i] == (zero ? 0.5f : up ? 1.0f : 0.0f), "sigmoid %d", i);
        ck_assert_msg(d[i] == (zero ? 0.25f : 0.0f), "slope %d", i);
        ck_assert_msg(p[i] == (zero ? 0.5f : up ? 1.0f : 0.0f), "normal %d", i);
        ck_assert_msg(b[i] == (zero ? 1.0f : 0.0f), "bell %d", i);
        ck_assert_msg(l[i] == (zero ? logf(2) : up ? x[i] : 0.0f), "softplus %d", i);
    }
    for (int i = 12; i < 16; i++) {
        ck_assert(e[i] == 1.0f && s[i] == 0.5f && d[i] == 0.25f);
        ck_assert(t[i] == x[i] && p[i] == 0.5f && b[i] == 1.0f);
    }
    ck_assert(signbit(t[7]));
}
END_TEST

/* Every kind of NaN: the payload must not leak into an exponent. */
START_TEST(test_nan)
{
    float x[64], y[64];
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t mixed = 0x400000u | (i * 2654435761u & 0x3fffffu);
        uint32_t payload = i < 32 ? 1u << (i % 22) : mixed;
        uint32_t bits = (i & 1) << 31 | 0x7f800000u | payload;
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (int k = 0; k < N_FUNCTION; k++) {
        functions[k].run(x, y, 64);
        for (int i = 0; i < 64; i++)
            ck_assert_msg(isnan(y[i]), "%s of a NaN: %g", functions[k].name,
                          (double)y[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vmath");
    TCase *tc = tcase_create("vmath");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_accuracy, 0, N_FUNCTION);
    tcase_add_loop_test(tc, test_accuracy_even, 0, N_FUNCTION);
    tcase_add_test(tc, test_ends);
    tcase_add_test(tc, test_nan);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
