/* SPDX-License-Identifier: MIT
 *
 * What the operations of any net compute, against plain loops in f64.  That gradients belong
 * to it is seen in test_gradients.c.
 */
#include "suite.h"

#include <libtrain/ops.h>
#include <libtrain/rng.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <string.h>

enum { ROWS = 37, COLS = 150, MOST = ROWS * COLS };

static struct tr_tape *tape;
static float data[3][MOST], grad[3][MOST];

static void new_tape(void)
{
    tape = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_NONE, NULL, NULL);
    ck_assert_ptr_nonnull(tape);
}

static void free_tape(void)
{
    tr_tape_free(tape);
}

/* Input `which`: numbers between low and high, the same ones each time. */
static struct tr_tensor *input(int which, int64_t rows, int64_t cols, float low, float high)
{
    static struct tr_tensor t[3];
    struct tr_rng rng = tr_rng_init(11, (uint64_t)which);
    for (int64_t i = 0; i < rows * cols; i++)
        data[which][i] = low + (high - low) * tr_rng_uniform(&rng);
    t[which] = tr_tensor_make("in", &tr_f32, 2, (int64_t[]){ rows, cols }, data[which]);
    t[which].grad = memset(grad[which], 0, sizeof grad[which]);
    t[which].needs_grad = 1;
    return &t[which];
}

static double at(const struct tr_tensor *t, int64_t i, int64_t j)
{
    i = tr_tensor_rows(t) == 1 ? 0 : i;
    j = tr_tensor_cols(t) == 1 ? 0 : j;
    return (double)tr_tensor_row(t, i)[j];
}

static void close_to(const struct tr_tensor *y, int64_t i, int64_t j, double want)
{
    double got = at(y, i, j);
    ck_assert_msg(fabs(got - want) <= 2e-6 * (1 + fabs(want)), "(%d, %d): %.9g, not %.9g",
                  (int)i, (int)j, got, want);
}

/* ---- one input -------------------------------------------------------------------- */

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double silu(double x)
{
    return x * sigmoid(x);
}

static double softplus(double x)
{
    return log1p(exp(x));
}

static double relu2(double x)
{
    return relu(x) * relu(x);
}

static double gelu_erf(double x)
{
    return 0.5 * x * erfc(-x * sqrt(0.5));
}

static const struct {
    struct tr_tensor *(*op)(struct tr_tape *tp, struct tr_tensor *x);
    double (*f)(double x);
    float low, high;
} maps[] = {
    { tr_exp, exp, -10, 3 }, { tr_log, log, 0.01f, 50 }, { tr_relu, relu, -2, 2 },
    { tr_tanh, tanh, -6, 6 }, { tr_sigmoid, sigmoid, -9, 9 }, { tr_silu, silu, -9, 9 },
    { tr_relu2, relu2, -3, 3 }, { tr_gelu_erf, gelu_erf, -9, 9 },
    { tr_softplus, softplus, -20, 20 },
};
enum { N_MAP = sizeof maps / sizeof *maps };

START_TEST(test_map)
{
    struct tr_tensor *x = input(0, ROWS, COLS, maps[_i].low, maps[_i].high);
    struct tr_tensor *part = tr_columns(tape, x, 3, COLS - 10);
    struct tr_tensor *y = maps[_i].op(tape, part);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < COLS - 10; j++)
            close_to(y, i, j, maps[_i].f(at(x, i, j + 3)));
    data[0][0] = NAN;
    y = maps[_i].op(tape, x);
    ck_assert(isnan(tr_tensor_row(y, 0)[0]));
}
END_TEST

/* Of gate and up, at the limit and beyond it. */
START_TEST(test_gradient_ends_behind_the_limit)
{
    struct tr_tensor *x = input(0, 1, 6, 1, 1), *up = input(1, 1, 6, 1, 1);
    float limit = 2, gates[] = { 2, 2.5f, 1, 1, 1, 1 }, ups[] = { 1, 1, 2, 2.5f, -2, -2.5f };
    memcpy(x->data, gates, sizeof gates);
    memcpy(up->data, ups, sizeof ups);
    struct tr_tensor *y = tr_swiglu_clamped(tape, x, up, 1.702f, limit);
    ck_assert_int_eq(tr_tape_backward(tape, tr_sum(tape, y, TR_AXIS_ALL)), 0);
    for (int64_t j = 0; j < 6; j++) {
        ck_assert_int_eq(grad[0][j] != 0, j != 1);
        ck_assert_int_eq(grad[1][j] != 0, j != 3 && j != 5);
    }
}
END_TEST

START_TEST(test_scale)
{
    struct tr_tensor *x = input(0, ROWS, COLS, -1, 1), *y = tr_scale(tape, x, -2.5f);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < COLS; j++)
            close_to(y, i, j, -2.5 * at(x, i, j));
}
END_TEST

/* ---- two inputs ------------------------------------------------------------------- */

static double add(double a, double b)
{
    return a + b;
}

static double sub(double a, double b)
{
    return a - b;
}

static double mul(double a, double b)
{
    return a * b;
}

static double divide(double a, double b)
{
    return a / b;
}

static const struct {
    struct tr_tensor *(*op)(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b);
    double (*f)(double a, double b);
} pairs[] = { { tr_add, add }, { tr_sub, sub }, { tr_mul, mul }, { tr_div, divide } };
static const int64_t shapes[][2] = { { ROWS, COLS }, { 1, COLS }, { ROWS, 1 }, { 1, 1 } };
enum { N_PAIR = 4, N_SHAPE = 4 };

START_TEST(test_pair)
{
    const int64_t *shape = shapes[_i % N_SHAPE];
    struct tr_tensor *a = input(0, ROWS, COLS, -1, 1);
    struct tr_tensor *b = input(1, shape[0], shape[1], 1, 2);
    struct tr_tensor *y = pairs[_i / N_SHAPE].op(tape, a, b);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < COLS; j++)
            close_to(y, i, j, pairs[_i / N_SHAPE].f(at(a, i, j), at(b, i, j)));
}
END_TEST

START_TEST(test_matmul)
{
    enum { M = 17, N = 9, K = 23 };
    int ta = _i & 1, tb = _i >> 1;
    struct tr_tensor *a = ta ? input(0, K, M, -1, 1) : input(0, M, K, -1, 1);
    struct tr_tensor *b = tb ? input(1, N, K, -1, 1) : input(1, K, N, -1, 1);
    struct tr_tensor *y = tr_matmul(tape, a, b,
                                    &(struct tr_matmul){ .transpose_a = ta,
                                                         .transpose_b = tb,
                                                         .scale = 0.5f });
    ck_assert(tr_tensor_rows(y) == M && tr_tensor_cols(y) == N);
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) {
            double sum = 0;
            for (int64_t k = 0; k < K; k++)
                sum += (ta ? at(a, k, i) : at(a, i, k)) * (tb ? at(b, j, k) : at(b, k, j));
            close_to(y, i, j, 0.5 * sum);
        }
}
END_TEST

/* ---- sums ------------------------------------------------------------------------- */

START_TEST(test_sums)
{
    struct tr_tensor *x = input(0, ROWS, COLS, -1, 2);
    struct tr_tensor *rows = tr_sum(tape, x, TR_AXIS_ROWS);
    struct tr_tensor *columns = tr_sum(tape, x, TR_AXIS_COLUMNS);
    struct tr_tensor *row_mean = tr_mean(tape, x, TR_AXIS_ROWS);
    struct tr_tensor *column_mean = tr_mean(tape, x, TR_AXIS_COLUMNS);
    double all = 0;
    ck_assert(tr_tensor_rows(rows) == 1 && tr_tensor_cols(rows) == COLS);
    ck_assert(tr_tensor_rows(columns) == ROWS && tr_tensor_cols(columns) == 1);
    for (int64_t i = 0; i < ROWS; i++) {
        double sum = 0;
        for (int64_t j = 0; j < COLS; j++)
            sum += at(x, i, j);
        close_to(columns, i, 0, sum);
        close_to(column_mean, i, 0, sum / COLS);
        all += sum;
    }
    for (int64_t j = 0; j < COLS; j++) {
        double sum = 0;
        for (int64_t i = 0; i < ROWS; i++)
            sum += at(x, i, j);
        close_to(rows, 0, j, sum);
        close_to(row_mean, 0, j, sum / ROWS);
    }
    close_to(tr_sum(tape, x, TR_AXIS_ALL), 0, 0, all);
    close_to(tr_mean(tape, x, TR_AXIS_ALL), 0, 0, all / MOST);
}
END_TEST

START_TEST(test_mse)
{
    struct tr_tensor *x = input(0, ROWS, COLS, -1, 1), *y = input(1, ROWS, COLS, -1, 1);
    double sum = 0;
    for (int64_t i = 0; i < MOST; i++)
        sum += (double)(data[0][i] - data[1][i]) * (double)(data[0][i] - data[1][i]);
    close_to(tr_mse(tape, x, y), 0, 0, sum / MOST);
}
END_TEST

/* ---- softmax ---------------------------------------------------------------------- */

START_TEST(test_softmax)
{
    static int32_t target[ROWS];
    float far = _i ? 300 : 4; /* exp(300) is no f32 */
    struct tr_tensor *x = input(0, ROWS, COLS, -far, far);
    struct tr_tensor *p = tr_softmax(tape, x), *l = tr_log_softmax(tape, x);
    double loss = 0;
    int count = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        double sum = 0;
        for (int64_t j = 0; j < COLS; j++)
            sum += exp(at(x, i, j) - (double)far);
        for (int64_t j = 0; j < COLS; j++) {
            close_to(p, i, j, exp(at(x, i, j) - (double)far) / sum);
            close_to(l, i, j, at(x, i, j) - (double)far - log(sum));
        }
        target[i] = i % 3 ? (int32_t)(i * 31 % COLS) : -1;
        count += target[i] >= 0;
        loss -= i % 3 ? at(x, i, target[i]) - (double)far - log(sum) : 0;
    }
    close_to(tr_cross_entropy(tape, x, target), 0, 0, loss / count);
}
END_TEST

START_TEST(test_cross_entropy_of_nothing)
{
    static const int32_t target[] = { -1, -1, -1 };
    struct tr_tensor *x = input(0, 3, COLS, -1, 1);
    struct tr_tensor *loss = tr_cross_entropy(tape, x, target);
    ck_assert(at(loss, 0, 0) == 0);
    ck_assert_int_eq(tr_tape_backward(tape, loss), 0);
    for (int64_t i = 0; i < 3 * COLS; i++)
        ck_assert(grad[0][i] == 0);
}
END_TEST

/* ---- numbers that are out of range ------------------------------------------------ */

/* Row 1 of 3 has the number. */
static struct tr_tensor *of_number(int which, int32_t number)
{
    static int32_t list[3], zeros[3];
    struct tr_tensor *x = input(0, 3, COLS, -1, 1), *table = input(1, 5, COLS, -1, 1);
    list[1] = number;
    switch (which) {
    case 0: return tr_cross_entropy(tape, x, list);
    case 1: return tr_output_loss(tape, x, table, list, &(struct tr_loss){ .scale = 1 });
    case 2: return tr_embedding(tape, table, list, NULL, NULL, 3, 1);
    case 3: return tr_embedding(tape, x, zeros, table, list, 3, 1);
    default:
        return tr_attention(tape, x, x, x, list,
                            &(struct tr_attention){ .n_head = 1, .n_head_kv = 1,
                                                    .head_dim = COLS, .scale = 1 });
    }
}

static const struct {
    int which;
    int32_t number;
    const char *text; /* NULL: in range */
} out_of_range[] = {
    { 0, COLS, "target 150 in row 1, there are 150 classes" }, { 0, COLS - 1, NULL },
    { 1, 5, "target 5 in row 1, there are 5 ids" }, { 1, 4, NULL }, { 1, -1, NULL },
    { 2, 5, "id 5 in row 1, there are 5" }, { 2, -1, "id -1 in row 1" }, { 2, 4, NULL },
    { 3, 5, "position 5 in row 1, there are 5" }, { 3, 4, NULL },
    { 4, 2, "position 2 in row 1, there are 1 rows before it" },
    { 4, -1, "position -1 in row 1" }, { 4, 1, NULL },
};
enum { N_OUT = sizeof out_of_range / sizeof *out_of_range };

START_TEST(test_out_of_range)
{
    struct tr_err err = {0};
    struct tr_tensor *y = of_number(out_of_range[_i].which, out_of_range[_i].number);
    int rc = tr_tape_backward(tape, tr_sum(tape, y, TR_AXIS_ALL));
    ck_assert_int_eq(rc, out_of_range[_i].text ? TR_EMISMATCH : 0);
    ck_assert_int_eq(tr_tape_error(tape, &err), rc);
    if (rc)
        ck_assert_msg(strstr(err.text, out_of_range[_i].text) != NULL, "%s", err.text);
}
END_TEST

/* ---- shapes ----------------------------------------------------------------------- */

/* A batch of no rows, and what is made of one: no columns. */
START_TEST(test_of_nothing)
{
    int64_t none[] = { 0, COLS };
    struct tr_tensor x = tr_tensor_make("none", &tr_f32, 2, none, data[2]);
    struct tr_tensor *w = input(0, ROWS, COLS, -1, 1);
    struct tr_tensor *y = tr_matmul(tape, w, &x, &(struct tr_matmul){ .transpose_b = 1 });
    ck_assert(tr_tensor_rows(y) == ROWS && tr_tensor_cols(y) == 0);
    struct tr_tensor *flat = tr_transpose(tape, &x);
    ck_assert(tr_tensor_rows(flat) == COLS && tr_tensor_cols(flat) == 0);
    y = tr_relu(tape, tr_log_softmax(tape, tr_softmax(tape, y)));
    struct tr_tensor *copy = tr_concat(tape, &(struct tr_tensor *){ &x }, 1, TR_AXIS_ROWS);
    y = tr_matmul(tape, y, copy, NULL);
    ck_assert(tr_tensor_rows(y) == ROWS && tr_tensor_cols(y) == COLS);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < COLS; j++)
            ck_assert(at(y, i, j) == 0);
    ck_assert_int_eq(tr_tape_backward(tape, tr_sum(tape, y, TR_AXIS_ALL)), 0);
    for (int64_t i = 0; i < ROWS * COLS; i++)
        ck_assert(grad[0][i] == 0);
}
END_TEST

START_TEST(test_shapes)
{
    struct tr_tensor *x = input(0, ROWS, COLS, -1, 1), *z = input(1, 5, COLS, -1, 1);
    struct tr_tensor *rows = tr_rows(tape, x, 4, 6), *shape = tr_reshape(tape, rows, 4, 225);
    struct tr_tensor *turned = tr_transpose(tape, tr_columns(tape, x, 1, 100));
    struct tr_tensor *list[] = { x, z, rows }, *wide[] = { z, tr_rows(tape, x, 2, 5) };
    struct tr_tensor *below = tr_concat(tape, list, 3, TR_AXIS_ROWS);
    struct tr_tensor *beside = tr_concat(tape, wide, 2, TR_AXIS_COLUMNS);
    ck_assert(tr_tensor_rows(turned) == 100 && tr_tensor_cols(turned) == ROWS);
    ck_assert(tr_tensor_rows(below) == ROWS + 11 && tr_tensor_cols(below) == COLS);
    ck_assert(tr_tensor_rows(beside) == 5 && tr_tensor_cols(beside) == 2 * COLS);
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < 100; j++)
            ck_assert(at(turned, j, i) == at(x, i, j + 1));
    for (int64_t i = 0; i < 6 * COLS; i++)
        ck_assert(at(shape, i / 225, i % 225) == at(x, 4 + i / COLS, i % COLS));
    for (int64_t j = 0; j < COLS; j++) {
        ck_assert(at(below, ROWS - 1, j) == at(x, ROWS - 1, j));
        ck_assert(at(below, ROWS + 4, j) == at(z, 4, j));
        ck_assert(at(below, ROWS + 5, j) == at(x, 4, j));
        ck_assert(at(beside, 3, j) == at(z, 3, j));
        ck_assert(at(beside, 3, COLS + j) == at(x, 5, j));
    }
}
END_TEST

/* ---- threads ---------------------------------------------------------------------- */

/* A bit of everything; the products are BLAS's and not in it. */
static double a_bit_of_everything(void)
{
    static const int32_t target[COLS] = { 1, 0, 36, 5 };
    struct tr_tensor *x = input(0, ROWS, COLS, -1, 1), *row = input(1, 1, COLS, 1, 2);
    struct tr_tensor *column = input(2, ROWS, 1, 1, 2);
    tr_tape_reset(tape);
    struct tr_tensor *y = tr_mul(tape, tr_div(tape, tr_tanh(tape, x), row), column);
    y = tr_sub(tape, tr_softmax(tape, y), tr_mean(tape, y, TR_AXIS_ROWS));
    y = tr_add(tape, y, tr_sum(tape, y, TR_AXIS_COLUMNS));
    struct tr_tensor *loss = tr_cross_entropy(tape, tr_transpose(tape, y), target);
    ck_assert_int_eq(tr_tape_backward(tape, loss), 0);
    return (double)*(float *)loss->data;
}

START_TEST(test_bits_do_not_depend_on_threads)
{
    static float first[3][MOST];
    tr_threads(1);
    double loss = a_bit_of_everything();
    memcpy(first, grad, sizeof first);
    for (int threads = 2; threads <= 5; threads++) {
        tr_threads(threads);
        ck_assert(a_bit_of_everything() == loss);
        ck_assert_mem_eq(first, grad, sizeof first);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("general_ops");
    TCase *tc = tcase_create("general_ops");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, new_tape, free_tape);
    tcase_add_loop_test(tc, test_map, 0, N_MAP);
    tcase_add_test(tc, test_gradient_ends_behind_the_limit);
    tcase_add_test(tc, test_scale);
    tcase_add_loop_test(tc, test_pair, 0, N_PAIR * N_SHAPE);
    tcase_add_loop_test(tc, test_matmul, 0, 4);
    tcase_add_test(tc, test_sums);
    tcase_add_test(tc, test_mse);
    tcase_add_loop_test(tc, test_softmax, 0, 2);
    tcase_add_test(tc, test_cross_entropy_of_nothing);
    tcase_add_loop_test(tc, test_out_of_range, 0, N_OUT);
    tcase_add_test(tc, test_of_nothing);
    tcase_add_test(tc, test_shapes);
    tcase_add_test(tc, test_bits_do_not_depend_on_threads);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
