/* SPDX-License-Identifier: MIT
 *
 * Optimizers on gradients that are given: each against PyTorch's or its paper's formulas
 * (dev/optim_reference.py), AdamW with moments of eight bits against the one with f32, and
 * what its codes must keep.  Schedules against PyTorch's.
 */
#include "scratch.h"

#include <libtrain/params.h>
#include <libtrain/rng.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5, COLS = 1000, N = ROWS * COLS, BETA_STEPS = 400 };

struct set { /* a matrix, a vector and a matrix of one number */
    struct tr_params p;
    struct tr_tensor t[3];
};

static const int64_t shapes[3][2] = { { ROWS, COLS }, { 333, 1 }, { 1, 1 } };
static const int dims[3] = { 2, 1, 2 };

static void set_init_as(struct set *s, const char *optim, int bf16)
{
    ck_assert_int_eq(tr_params_init(&s->p, 3, tr_optim_by_name(optim), NULL), 0);
    s->p.bf16 = bf16;
    for (int i = 0; i < 3; i++) {
        s->t[i] = tr_tensor_make("t", &tr_f32, dims[i], shapes[i], NULL);
        tr_params_add(&s->p, &s->t[i]);
    }
    ck_assert_int_eq(tr_params_allocate(&s->p, NULL), 0);
}

static void set_init(struct set *s, const char *optim)
{
    set_init_as(s, optim, 0);
}

/* Gradients of very different sizes, and noise on all. */
static void draw(struct set *s, uint64_t seed)
{
    struct tr_rng r = tr_rng_init(seed, 0);
    for (int i = 0; i < 3; i++)
        for (int64_t j = 0; j < tr_tensor_count(&s->t[i]); j++)
            s->t[i].grad[j] = powf(10, -(float)(j % 5)) * (tr_rng_normal(&r) + 0.3f);
}

static const char *const optims[] = { "adamw", "adamw8", "sgd", "lion", "muon", "adafactor" };
static const double limits[] = { 1e-5, 1e-3, 1e-5, 1e-5, 1e-5, 1e-5 },
                    rates[] = { 1e-2, 1e-2, 1e-4, 1e-3, 1e-2, 1e-2 };

/* beta1, beta2 and epsilon of adamw and adamw8 */
static const double option[] = { 0.9, 0.999, 1e-10 };
static const double no_momentum[] = { 0, 0 };

static void step(struct set *s, int64_t t, double lr)
{
    struct tr_rng r = tr_rng_init(7, (uint64_t)t);
    tr_params_update(&s->p, &(struct tr_optim_step){ .lr = lr, .option = option,
                                                     .grad_scale = 1, .t = t,
                                                     .key = (uint32_t)tr_rng_u64(&r) });
}

/* Where four hundred steps lead, for gradients of every size: exactly enough down to a
 * hundredth of the largest in the block, roughly below. */
START_TEST(eight_bits_go_the_same_way)
{
    struct set a, b;
    set_init(&a, "adamw");
    set_init(&b, "adamw8");
    for (int64_t t = 1; t <= BETA_STEPS; t++) {
        draw(&a, (uint64_t)t);
        draw(&b, (uint64_t)t);
        step(&a, t, 1e-3);
        step(&b, t, 1e-3);
    }
    for (int size = 0; size < 5; size++) {
        double dot = 0, aa = 0, bb = 0;
        for (int j = size; j < N; j += 5) {
            double x = (double)((float *)a.t[0].data)[j], y = (double)((float *)b.t[0].data)[j];
            dot += x * y;
            aa += x * x;
            bb += y * y;
        }
        double least = size < 3 ? 0.98 : 0.85, off = size < 3 ? 0.05 : 0.5;
        ck_assert_msg(dot > least * sqrt(aa * bb) && fabs(sqrt(bb / aa) - 1) < off,
                      "size %d: cosine %g, ratio %g", size, dot / sqrt(aa * bb),
                      sqrt(bb / aa));
    }
    tr_params_release(&a.p);
    tr_params_release(&b.p);
}
END_TEST

static double sum_of_m(const struct set *s)
{
    const int8_t *q = tr_params_state(&s->p, 0, 0);
    const float *top = tr_params_state(&s->p, 1, 0);
    double sum = 0;
    for (int j = 0; j < N; j++)
        sum += (double)top[j / TR_OPTIM_BLOCK] * q[j] * abs(q[j]) / (127 * 127.0);
    return sum;
}

static double sum_of_v(const struct set *s)
{
    const uint8_t *q = tr_params_state(&s->p, 2, 0);
    const float *top = tr_params_state(&s->p, 3, 0);
    double sum = 0;
    for (int j = 0; j < N; j++)
        sum += (double)top[j / TR_OPTIM_BLOCK] * pow(q[j] / 255.0, 8);
    return sum;
}

/* Without gradients the moments fall by their factors on average, however small the change
 * is beside the distance of two codes; a v that was there does not become 0. */
START_TEST(rounding_is_fair)
{
    struct set s;
    set_init(&s, "adamw8");
    for (int64_t t = 1; t <= 3; t++) {
        draw(&s, (uint64_t)t);
        step(&s, t, 1e-3);
    }
    double m = sum_of_m(&s), v = sum_of_v(&s);
    memset(s.p.grad, 0, (size_t)s.p.count * sizeof *s.p.grad);
    for (int64_t t = 4; t < 4 + BETA_STEPS; t++) {
        step(&s, t, 0);
        if (t == 8)
            ck_assert_double_eq_tol(sum_of_m(&s) / m, pow(0.9, 5), 0.02);
    }
    ck_assert_double_eq_tol(sum_of_v(&s) / v, pow(0.999, BETA_STEPS), 0.02);
    const uint8_t *q = tr_params_state(&s.p, 2, 0);
    for (int j = 0; j < N; j++)
        ck_assert_int_gt(q[j], 0);
    tr_params_release(&s.p);
}
END_TEST

/* What is stored as -exp(theta) goes where theta does as a parameter of its own, and has the
 * norm of its gradient.  A rate of 0 leaves every bit. */
START_TEST(theta_behind_an_exponential)
{
    struct set a, b;
    float before[333];
    set_init(&a, optims[_i]);
    set_init(&b, optims[_i]);
    a.t[1].minus_exp = 1;
    for (int j = 0; j < 333; j++) {
        ((float *)b.t[1].data)[j] = (float)(j % 9 - 4) * 0.5f;
        ((float *)a.t[1].data)[j] = -expf(((float *)b.t[1].data)[j]);
    }
    for (int64_t t = 1; t <= 20; t++) {
        draw(&a, (uint64_t)t);
        draw(&b, (uint64_t)t);
        for (int j = 0; j < 333; j++)
            b.t[1].grad[j] *= -expf(((float *)b.t[1].data)[j]);
        double norm = tr_params_grad_norm(&b.p);
        ck_assert_double_eq_tol(tr_params_grad_norm(&a.p) / norm, 1, limits[_i]);
        step(&a, t, rates[_i]);
        step(&b, t, rates[_i]);
    }
    for (int j = 0; j < 333; j++) {
        double theta = (double)((float *)b.t[1].data)[j];
        ck_assert_double_eq_tol(log(-(double)((float *)a.t[1].data)[j]), theta, limits[_i]);
    }
    memcpy(before, a.t[1].data, sizeof before);
    step(&a, 21, 0);
    ck_assert_mem_eq(before, a.t[1].data, sizeof before);
    tr_params_release(&a.p);
    tr_params_release(&b.p);
}
END_TEST

/* A hundred updates of which each is a tenth of the distance of two BF16 numbers: together
 * they move by what they should, on average.  Vectors stay f32. */
START_TEST(bf16_moves_on_average)
{
    struct set s;
    set_init_as(&s, "sgd", 1);
    ck_assert_ptr_eq(s.t[0].dtype, &tr_bf16);
    ck_assert_ptr_eq(s.t[1].dtype, &tr_f32);
    float *x = malloc(2 * N * sizeof *x), *y = x + N;
    double sum = 0;
    for (int j = 0; j < N; j++)
        x[j] = (j % 2 ? 1 : -1) * 1.25f;
    tr_bf16.from_f32(x, s.t[0].data, N);
    memset(s.p.grad, 0, (size_t)s.p.count * sizeof *s.p.grad);
    for (int j = 0; j < N; j++)
        s.t[0].grad[j] = 1;
    for (int64_t t = 1; t <= 100; t++) {
        struct tr_rng r = tr_rng_init(7, (uint64_t)t);
        tr_params_update(&s.p, &(struct tr_optim_step){ .lr = 0x1p-7 / 10,
                                                        .option = no_momentum,
                                                        .grad_scale = 1, .t = t,
                                                        .key = (uint32_t)tr_rng_u64(&r) });
    }
    tr_bf16.to_f32(s.t[0].data, y, N);
    for (int j = 0; j < N; j++)
        sum += (double)(x[j] - y[j]) / N;
    ck_assert_double_eq_tol(sum / (10 * 0x1p-7), 1, 0.02);
    ck_assert_int_eq(tr_params_finite(&s.p), 1);
    ((uint16_t *)s.t[0].data)[N - 1] = 0x7f81; /* no number, before and after an update */
    ck_assert_int_eq(tr_params_finite(&s.p), 0);
    tr_params_update(&s.p, &(struct tr_optim_step){ .lr = 1, .option = no_momentum,
                                                    .grad_scale = 1, .t = 1 });
    ck_assert_int_eq(tr_params_finite(&s.p), 0);
    free(x);
    tr_params_release(&s.p);
}
END_TEST

/* State lies where nobody else's does, and the number of threads does not matter. */
START_TEST(any_threads)
{
    struct set s[2];
    for (int i = 0; i < 2; i++) {
        set_init(&s[i], "adamw8");
        tr_threads(1 + 2 * i);
        for (int64_t t = 1; t <= 4; t++) {
            draw(&s[i], (uint64_t)t);
            step(&s[i], t, 1e-3);
        }
    }
    for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < 3; i++) {
            int64_t n = tr_params_state_count(&s[0].p, k, i);
            size_t bytes = (size_t)n * s[0].p.optim->state[k].dtype->bytes;
            ck_assert_int_eq(n, (tr_tensor_count(&s[0].t[i]) + (k % 2 ? 255 : 0)) /
                                    (k % 2 ? 256 : 1));
            const char *x = tr_params_state(&s[0].p, k, i);
            ck_assert_mem_eq(x, tr_params_state(&s[1].p, k, i), bytes);
            if (i < 2)
                ck_assert((const char *)tr_params_state(&s[0].p, k, i + 1) >= x + bytes);
        }
    ck_assert_mem_eq(s[0].p.value, s[1].p.value, (size_t)s[0].p.count * sizeof(float));
    tr_params_release(&s[0].p);
    tr_params_release(&s[1].p);
}
END_TEST

/* ---- where others lead ------------------------------------------------------------ */

enum { REFERENCE_STEPS = 10, REFERENCE_N = 35 + 35 + 6 + 12, MOST_RATES = 20 };

static const struct {
    const char *name;
    double lr, decay;
    struct tr_setting set[4];
    double end[REFERENCE_N];
} reference[] = {
#define OPTIM(...) __VA_ARGS__,
#define SCHEDULE(...)
#define TABLE(...)
#include "optim_reference.def"
#undef OPTIM
#undef SCHEDULE
#undef TABLE
};

static const struct {
    const char *name;
    int64_t warmup, total;
    struct tr_setting set[4];
    double rate[MOST_RATES];
} rates_of[] = {
#define OPTIM(...)
#define SCHEDULE(...) __VA_ARGS__,
#define TABLE(...)
#include "optim_reference.def"
#undef OPTIM
#undef SCHEDULE
#undef TABLE
};

static const struct {
    const char *text;
    double lr;
    int64_t total;
    double rate[MOST_RATES];
} tables[] = {
#define OPTIM(...)
#define SCHEDULE(...)
#define TABLE(...) __VA_ARGS__,
#include "optim_reference.def"
#undef OPTIM
#undef SCHEDULE
#undef TABLE
};

/* Of the first of them, the moving average with decay 0.8 (dev/average_reference.py). */
static const double average[REFERENCE_N] = {
#include "average_reference.def"
};

/* The numbers of dev/optim_reference.py. */
static float reference_number(uint32_t seed, uint32_t i)
{
    uint32_t x = i * 2654435761u + seed * 40503u + 12345u;
    x ^= x >> 15;
    x *= 2246822519u;
    return (float)((x >> 8) & 0xffff) / 65536 - 0.5f;
}

/* Ten steps from the same numbers along the same gradients; half of each gradient, which a
 * factor doubles. */
START_TEST(optimizers_as_pytorch)
{
    static const int64_t shape[4][2] = { { 7, 5 }, { 5, 7 }, { 6, 1 }, { 4, 3 } };
    static const int n_dim[] = { 2, 2, 1, 2 };
    const struct tr_optim *optim = tr_optim_by_name(reference[_i].name);
    struct tr_params p;
    struct tr_tensor t[4];
    double option_of[TR_MAX_OPTION], worst = 0;
    ck_assert_ptr_nonnull(optim);
    ck_assert_int_eq(tr_params_init(&p, 4, optim, NULL), 0);
    p.averages = 1;
    for (uint32_t i = 0; i < 4; i++) {
        t[i] = tr_tensor_make("t", &tr_f32, n_dim[i], shape[i], NULL);
        t[i].linear = i < 2;
        tr_params_add(&p, &t[i]);
    }
    ck_assert_int_eq(tr_params_allocate(&p, NULL), 0);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t j = 0; j < tr_tensor_count(&t[i]); j++)
            ((float *)t[i].data)[j] = reference_number(i, j);
    tr_option_values(optim->option, reference[_i].set, option_of);
    tr_params_begin_average(&p);
    for (uint32_t k = 1; k <= REFERENCE_STEPS; k++) {
        for (uint32_t i = 0; i < 4; i++)
            for (uint32_t j = 0; j < tr_tensor_count(&t[i]); j++)
                t[i].grad[j] = reference_number(100 * k + i, j) / 2;
        tr_params_update(&p, &(struct tr_optim_step){
            .lr = reference[_i].lr, .option = option_of, .grad_scale = 2, .t = k,
            .weight_decay = reference[_i].decay });
        tr_params_move_average(&p, 0.8);
    }
    const double *end = reference[_i].end;
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t j = 0; j < tr_tensor_count(&t[i]); j++, end++)
            worst = fmax(worst, fabs((double)((float *)t[i].data)[j] - *end));
    ck_assert_msg(worst < 1e-6, "%s: %g", reference[_i].name, worst);
    tr_params_use_average(&p, 1);
    for (uint32_t i = 0, at = 0; !_i && i < 4; i++)
        for (uint32_t j = 0; j < tr_tensor_count(&t[i]); j++, at++)
            worst = fmax(worst, fabs((double)((float *)t[i].data)[j] - average[at]));
    ck_assert_msg(worst < 1e-6, "average: %g", worst);
    tr_params_release(&p);
}
END_TEST

/* A parameter with a rate of its own moves as all do at that rate. */
START_TEST(a_rate_of_ones_own)
{
    struct set a, b;
    set_init(&a, "adamw");
    set_init(&b, "adamw");
    a.t[0].rate = 16;
    for (int64_t t = 1; t <= 4; t++) {
        draw(&a, (uint64_t)t);
        draw(&b, (uint64_t)t);
        step(&a, t, 0x1p-10);
        step(&b, t, 0x1p-6);
    }
    ck_assert_mem_eq(a.t[0].data, b.t[0].data, N * sizeof(float));
    ck_assert_mem_ne(a.t[1].data, b.t[1].data, 333 * sizeof(float));
    tr_params_release(&a.p);
    tr_params_release(&b.p);
}
END_TEST

START_TEST(schedules_as_pytorch)
{
    const struct tr_schedule *s = tr_schedule_by_name(rates_of[_i].name);
    double option_of[TR_MAX_OPTION];
    ck_assert_ptr_nonnull(s);
    tr_option_values(s->option, rates_of[_i].set, option_of);
    for (int64_t k = 1; k <= rates_of[_i].total; k++)
        ck_assert_double_eq_tol(tr_schedule_lr(s, option_of, 1, rates_of[_i].warmup,
                                               rates_of[_i].total, k),
                                rates_of[_i].rate[k - 1], 1e-8);
}
END_TEST

static const struct tr_schedule *open_table(const char *text, size_t n, struct tr_err *err)
{
    write_bytes(path, text, n);
    *err = (struct tr_err){ 0 };
    return tr_schedule_open(path, err);
}

START_TEST(tables_as_pytorch)
{
    struct tr_err err;
    const char *text = tables[_i].text;
    const struct tr_schedule *s = open_table(text, strlen(text), &err);
    int64_t total = tables[_i].total;
    ck_assert_msg(s != NULL, "%s", err.text);
    for (int64_t k = 1; k <= total; k++)
        ck_assert_double_eq_tol(tr_schedule_lr(s, NULL, tables[_i].lr, 2, total, k),
                                tables[_i].rate[k - 1], 1e-8);
    tr_schedule_close(s);
}
END_TEST

static const struct { const char *text, *said; } bad_tables[] = {
    { "", "has no row" },
    { "step factor\n", "has no row" },
    { "1 0.5\n", "line 1: first comes 'step factor' or 'step rate', not '1 0.5'" },
    { "step lr\n1 1\n", "line 1: first comes" },
    { "step rate\n1\n", "line 2: not two words: '1'" },
    { "step rate\n1 2 3\n", "line 2: not two words: '1 2 3'" },
    { "# a table\n\nstep factor\n0 1\n", "line 4: a step is a whole number from 1 on" },
    { "step factor\n1.5 1\n", "not '1.5'" },
    { "step factor\nnan 1\n", "not 'nan'" },
    { "step factor\r\n4 1\r\n4 2\r\n", "line 3: steps rise from line to line" },
    { "step factor\n1 -1\n", "a factor is a number from 0 to 1e6, not '-1'" },
    { "step rate\n1 2000\n", "a rate is a number from 0 to 1000, not '2000'" },
    { "step rate\n1 inf\n", "not 'inf'" },
    { "step rate\n1 0x\n", "not '0x'" },
};

START_TEST(tables_that_are_none)
{
    struct tr_err err;
    static const char nul[] = "step rate\n1 1\n\0";
    for (size_t i = 0; i < sizeof bad_tables / sizeof *bad_tables; i++) {
        const char *text = bad_tables[i].text;
        ck_assert_ptr_null(open_table(text, strlen(text), &err));
        ck_assert_int_eq(err.code, TR_EFORMAT);
        ck_assert_msg(strstr(err.text, path) && strstr(err.text, bad_tables[i].said), "%s",
                      err.text);
    }
    ck_assert_ptr_null(open_table(nul, sizeof nul - 1, &err));
    err.code = 0;
    ck_assert_ptr_null(tr_schedule_open(other, &err));
    ck_assert_msg(strstr(err.text, other) != NULL, "%s", err.text);
}
END_TEST

/* What the rows are is what counts, not how they are written. */
START_TEST(tables_have_a_hash)
{
    static const char *const text[] = {
        "step rate\n1 0.5\n", "# the same\n step\trate\n1 5e-1", "step factor\n1 0.5\n",
        "step rate\n2 0.5\n",
    };
    uint64_t hash[4];
    for (int i = 0; i < 4; i++) {
        struct tr_err err;
        const struct tr_schedule *s = open_table(text[i], strlen(text[i]), &err);
        ck_assert_msg(s != NULL, "%s", err.text);
        hash[i] = tr_schedule_hash(s);
        tr_schedule_close(s);
    }
    ck_assert(hash[0] == hash[1] && hash[0] != hash[2] && hash[0] != hash[3]);
    ck_assert(tr_schedule_hash(tr_schedule_at(0)) == 0);
}
END_TEST

/* Every number of a run is one that a schedule gives, whatever its options are. */
START_TEST(schedules_stay_within)
{
    const struct tr_schedule *s = tr_schedule_at(_i);
    double option_of[TR_MAX_OPTION];
    if (!s)
        return;
    tr_option_values(s->option, NULL, option_of);
    for (int64_t total = 1; total < 12; total++)
        for (int64_t warmup = 0; warmup < 14; warmup++)
            for (int64_t k = 1; k <= total; k++) {
                double lr = tr_schedule_lr(s, option_of, 1, warmup, total, k);
                ck_assert_msg(lr >= 0 && lr <= 1, "%s: %g at %d of %d, %d warm", s->name, lr,
                              (int)k, (int)total, (int)warmup);
            }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("optim");
    TCase *tc = tcase_create("adamw8");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, eight_bits_go_the_same_way);
    tcase_add_test(tc, rounding_is_fair);
    tcase_add_test(tc, bf16_moves_on_average);
    tcase_add_test(tc, any_threads);
    tcase_add_loop_test(tc, theta_behind_an_exponential, 0,
                        (int)(sizeof optims / sizeof *optims));
    tcase_add_loop_test(tc, optimizers_as_pytorch, 0,
                        (int)(sizeof reference / sizeof *reference));
    tcase_add_test(tc, a_rate_of_ones_own);
    tcase_add_loop_test(tc, schedules_as_pytorch, 0,
                        (int)(sizeof rates_of / sizeof *rates_of));
    tcase_add_loop_test(tc, schedules_stay_within, 0, 16);
    suite_add_tcase(s, tc);
    tc = tcase_create("tables");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, tables_as_pytorch, 0, (int)(sizeof tables / sizeof *tables));
    tcase_add_test(tc, tables_that_are_none);
    tcase_add_test(tc, tables_have_a_hash);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
