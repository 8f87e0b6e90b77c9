/* SPDX-License-Identifier: MIT
 *
 * Routing and experts against plain loops in f64: rows that fall unevenly, weights of several
 * types, experts that nobody uses.  Gradients by differences are in test_gradients.c.
 */
#include "suite.h"

#include <libtrain/ops.h>
#include <libtrain/rng.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <signal.h>
#include <string.h>

/* More rows than one product takes of an expert (ops/experts.c). */
enum { N = 300, EXPERTS = 7, USED = 3, IN = 64, OUT = 40, ROWS = N * USED };
enum { UNUSED_EXPERT = 4, BUSY_EXPERT = 1 };

static struct tr_tape *tape;
static float logits[N * EXPERTS], x[N * IN], rows[ROWS * IN], w[EXPERTS * OUT * IN];
static float bias[EXPERTS * OUT], sum[N * OUT];
static struct tr_tensor z;

static void draw(float *to, int64_t n, float low, float high)
{
    static uint64_t stream;
    struct tr_rng rng = tr_rng_init(5, stream++);
    for (int64_t i = 0; i < n; i++)
        to[i] = low + (high - low) * tr_rng_uniform(&rng);
}

static struct tr_tensor matrix(float *data, int64_t n, int64_t width)
{
    return tr_tensor_make("matrix", &tr_f32, 2, (int64_t[]){ n, width }, data);
}

/* All rows go to the busy expert too, none to one of them. */
static void begin(void)
{
    draw(logits, N * EXPERTS, -2, 2);
    for (int t = 0; t < N; t++) {
        logits[t * EXPERTS + UNUSED_EXPERT] = -9;
        logits[t * EXPERTS + BUSY_EXPERT] = 1.5f + logits[t * EXPERTS + BUSY_EXPERT] / 2;
    }
    draw(x, N * IN, -1, 1);
    draw(rows, ROWS * IN, -1, 1);
    draw(w, EXPERTS * OUT * IN, -1, 1);
    draw(bias, EXPERTS * OUT, -1, 1);
    draw(sum, N * OUT, -1, 1);
    z = matrix(logits, N, EXPERTS);
    tape = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_NONE, NULL, NULL);
    ck_assert_ptr_nonnull(tape);
}

static void end(void)
{
    tr_tape_free(tape);
}

static void close_to(float got, double want, const char *what, int64_t i, int64_t j)
{
    ck_assert_msg(fabs((double)got - want) <= 4e-6 * (1 + fabs(want)),
                  "%s (%d, %d): %.9g, not %.9g", what, (int)i, (int)j, (double)got, want);
}

/* ---- routing ----------------------------------------------------------------------- */

static const struct tr_route routes[] = {
    { .gating = &tr_gating_softmax, .n_used = USED },
    { .gating = &tr_gating_softmax, .n_used = USED, .normalise = 1 },
    { .gating = &tr_gating_softmax, .n_used = EXPERTS, .normalise = 1, .scale = 2 },
    { .gating = &tr_gating_sigmoid, .n_used = 1 },
    { .gating = &tr_gating_sigmoid, .n_used = USED, .normalise = 1, .eps = 0.5f,
      .scale = 0.25f },
};
enum { N_ROUTE = sizeof routes / sizeof routes[0] };

static void exact_scores(const struct tr_route *o, const float *row, double *s)
{
    double all = 0;
    for (int e = 0; e < EXPERTS; e++)
        all += exp((double)row[e]);
    for (int e = 0; e < EXPERTS; e++)
        s[e] = o->gating == &tr_gating_softmax ? exp((double)row[e]) / all
                                               : 1 / (1 + exp(-(double)row[e]));
}

/* Experts with better scores than e, or as good and before it. */
static int better(const double *by, int e)
{
    int n = 0;
    for (int i = 0; i < EXPERTS; i++)
        n += by[i] > by[e] || (by[i] == by[e] && i < e);
    return n;
}

static void check_route(const struct tr_route *o, const double *selection)
{
    struct tr_routing r = tr_route(tape, &z, o);
    const int32_t *chosen = r.choice->data;
    for (int t = 0; t < N; t++) {
        double s[EXPERTS], by[EXPERTS], among = (double)o->eps;
        exact_scores(o, logits + t * EXPERTS, s);
        for (int e = 0; e < EXPERTS; e++)
            by[e] = s[e] + (selection ? selection[e] : 0);
        for (int e = 0; e < EXPERTS; e++)
            among += better(by, e) < o->n_used ? s[e] : 0;
        for (int j = 0; j < o->n_used; j++) {
            int e = chosen[t * o->n_used + j];
            ck_assert_int_eq(better(by, e), j);
            double factor = o->scale == 0 ? 1 : (double)o->scale;
            close_to(tr_tensor_row(r.weight, t)[j],
                     s[e] / (o->normalise ? among : 1) * factor, "weight", t, j);
        }
    }
}

START_TEST(test_route)
{
    check_route(&routes[_i], NULL);
}
END_TEST

START_TEST(test_route_with_bias)
{
    static float number[] = { 0, -1, 0, 0.5f, 1, 0, 0.25f };
    double selection[EXPERTS];
    struct tr_tensor b = tr_tensor_make("bias", &tr_f32, 1, (int64_t[]){ EXPERTS }, number);
    struct tr_route o = routes[_i];
    for (int e = 0; e < EXPERTS; e++)
        selection[e] = (double)number[e];
    o.bias = &b;
    check_route(&o, selection);
}
END_TEST

START_TEST(test_by_expert)
{
    static float number[] = { 1, -1, 0, 0.5f, 2, 0.75f, 0.25f };
    struct tr_tensor f = tr_tensor_make("factor", &tr_f32, 1, (int64_t[]){ EXPERTS }, number);
    struct tr_routing r = tr_route(tape, &z, &routes[_i]);
    struct tr_tensor *y = tr_by_expert(tape, &r, &f);
    const int32_t *chosen = r.choice->data;
    for (int t = 0; t < N; t++)
        for (int j = 0; j < routes[_i].n_used; j++)
            MUST(tr_tensor_row(y, t)[j] ==
                 tr_tensor_row(r.weight, t)[j] *
                     number[chosen[t * routes[_i].n_used + j]]);
}
END_TEST

/* Of equal ones the first; and where there is nothing to compare, still different ones. */
START_TEST(test_ties)
{
    static const float row[][EXPERTS] = { { 0, 0, 0, 0, 0, 0, 0 },
                                          { 0, 2, 1, 2, 1, 1, 2 },
                                          { 1, NAN, 0, 2, NAN, 3, 0 } };
    static const int32_t want[][USED] = { { 0, 1, 2 }, { 1, 3, 6 } };
    memcpy(logits, row, sizeof row);
    struct tr_routing r = tr_route(tape, &z, &routes[0]);
    const int32_t *got = r.choice->data;
    ck_assert_mem_eq(got, want, sizeof want);
    got += 2 * USED;
    for (int j = 0; j < USED; j++)
        ck_assert(got[j] >= 0 && got[j] < EXPERTS && got[j] != got[(j + 1) % USED]);
}
END_TEST

/* Even use gives n_used, and the loss grows as fewer experts get the rows. */
START_TEST(test_balance_loss)
{
    double loss = 0, want = 0, share[EXPERTS] = { 0 }, score[EXPERTS] = { 0 };
    struct tr_route o = { .gating = &tr_gating_softmax, .n_used = USED,
                          .balance_loss = &loss };
    struct tr_routing r = tr_route(tape, &z, &o);
    const int32_t *chosen = r.choice->data;
    for (int t = 0; t < N; t++) {
        double s[EXPERTS];
        exact_scores(&o, logits + t * EXPERTS, s);
        for (int e = 0; e < EXPERTS; e++)
            score[e] += s[e] / N;
        for (int j = 0; j < USED; j++)
            share[chosen[t * USED + j]] += 1.0 / N;
    }
    for (int e = 0; e < EXPERTS; e++)
        want += EXPERTS * share[e] * score[e];
    ck_assert_double_eq_tol(loss, want, 1e-5);
    ck_assert_double_ge(loss, USED);
    memset(logits, 0, sizeof logits);
    tr_route(tape, &z, &o);
    ck_assert_double_eq_tol(loss, USED, 1e-5);
}
END_TEST

/* ---- products ---------------------------------------------------------------------- */

static const char *const types[] = { "F32", "BF16", "F16", "Q8_0" };
enum { N_TYPE = 4 };

static char packed[sizeof w];

/* The matrices in a type, which w then holds as they are unpacked; what nobody uses is
 * no number, so that reading it would show. */
static struct tr_tensor matrices(const char *type)
{
    const struct tr_dtype *dtype = tr_dtype_by_name(type);
    int64_t one = OUT * IN;
    dtype->from_f32(w, packed, EXPERTS * one);
    dtype->to_f32(packed, w, EXPERTS * one);
    memset(packed + UNUSED_EXPERT * one / dtype->block * dtype->bytes, 0xff,
           (size_t)(one / dtype->block * dtype->bytes));
    return tr_tensor_make("w", dtype, 3, (int64_t[]){ EXPERTS, OUT, IN }, packed);
}

static double exact(int e, int o, const float *from)
{
    double y = 0;
    for (int i = 0; i < IN; i++)
        y += (double)w[(e * OUT + o) * IN + i] * (double)from[i];
    return y;
}

/* The rows that a choice leads to: expert by expert, in the order of positions. */
static void expect_rows(const struct tr_routing *r, int *expert, int *position, int *rank)
{
    const int32_t *chosen = r->choice->data;
    int n = 0;
    for (int e = 0; e < EXPERTS; e++)
        for (int i = 0; i < ROWS; i++)
            if (chosen[i] == e) {
                expert[n] = e;
                rank[n] = i % USED;
                position[n++] = i / USED;
            }
    ck_assert_int_eq(n, ROWS);
}

START_TEST(test_products)
{
    int expert[ROWS], position[ROWS], rank[ROWS];
    static double total[N * OUT];
    struct tr_tensor wide = matrices(types[_i]), b = matrix(bias, EXPERTS, OUT);
    struct tr_tensor from = matrix(x, N, IN), meant = matrix(rows, ROWS, IN);
    struct tr_tensor add = matrix(sum, N, OUT);
    struct tr_routing r = tr_route(tape, &z, &routes[1]);
    struct tr_linear o = { .bias = &b, .scale = 0.5f }, o_add = o;
    o_add.add = &add;
    struct tr_tensor *in = tr_experts_in(tape, &from, &wide, &r, &o);
    struct tr_tensor *linear = tr_experts_linear(tape, &meant, &wide, &r, NULL);
    struct tr_tensor *out = tr_experts_out(tape, &meant, &wide, &r, &o_add);
    expect_rows(&r, expert, position, rank);
    for (int i = 0; i < N * OUT; i++)
        total[i] = (double)sum[i];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < OUT; j++) {
            double y = exact(expert[i], j, rows + i * IN);
            double shift = (double)bias[expert[i] * OUT + j];
            close_to(tr_tensor_row(linear, i)[j], y, "linear", i, j);
            close_to(tr_tensor_row(in, i)[j],
                     0.5 * exact(expert[i], j, x + position[i] * IN) + shift, "in", i, j);
            total[position[i] * OUT + j] +=
                (double)tr_tensor_row(r.weight, position[i])[rank[i]] * (0.5 * y + shift);
        }
    for (int i = 0; i < N * OUT; i++)
        close_to(tr_tensor_row(out, i / OUT)[i % OUT], total[i], "out", i / OUT, i % OUT);
}
END_TEST

/* ---- gradients ---------------------------------------------------------------------- */

static float identity[EXPERTS * EXPERTS];
static float dw[2][EXPERTS * OUT * IN], dx[N * IN], dz[N * EXPERTS];

/* Logits as the result of a product, which a tape keeps. */
static struct tr_tensor *logits_of(struct tr_tape *tp)
{
    static struct tr_tensor eye;
    eye = matrix(identity, EXPERTS, EXPERTS);
    for (int e = 0; e < EXPERTS; e++)
        identity[e * EXPERTS + e] = 1;
    return tr_linear(tp, &z, &eye, NULL);
}

/* Matrix to matrix and back: the loss, and gradients in dw, dx and dz. */
static float sweep(struct tr_tape *tp, struct tr_tensor *first, struct tr_tensor *second)
{
    struct tr_tensor from = matrix(x, N, IN);
    from.grad = memset(dx, 0, sizeof dx);
    z.grad = memset(dz, 0, sizeof dz);
    first->grad = dw[0], second->grad = dw[1];
    first->needs_grad = second->needs_grad = from.needs_grad = z.needs_grad = 1;
    first->grad_empty = second->grad_empty = 1;
    tr_tape_reset(tp);
    struct tr_routing r = tr_route(tp, logits_of(tp), &routes[1]);
    struct tr_tensor *u = tr_experts_in(tp, &from, first, &r, NULL);
    struct tr_tensor *y = tr_experts_out(tp, tr_silu(tp, u), second, &r, NULL);
    struct tr_tensor *loss = tr_mean(tp, tr_mul(tp, y, y), TR_AXIS_ALL);
    ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
    return *(float *)loss->data;
}

static struct tr_tensor weights(float *data, int64_t n_out, int64_t n_in)
{
    return tr_tensor_make("w", &tr_f32, 3, (int64_t[]){ EXPERTS, n_out, n_in }, data);
}

START_TEST(test_an_expert_without_rows_has_no_gradient)
{
    enum { ONE = OUT * IN };
    struct tr_tensor first = weights(w, OUT, IN), second = weights(rows, IN, OUT);
    memset(dw, 0xff, sizeof dw);
    sweep(tape, &first, &second);
    for (int m = 0; m < 2; m++)
        for (int e = 0; e < EXPERTS; e++) {
            double squares = 0;
            for (int i = 0; i < ONE; i++)
                squares += (double)dw[m][e * ONE + i] * (double)dw[m][e * ONE + i];
            ck_assert_msg((squares > 0) == (e != UNUSED_EXPERT), "%d: %g", e, squares);
        }
}
END_TEST

/* Matrices so thin that no library makes their products. */
START_TEST(test_bits_do_not_depend_on_threads)
{
    enum { THIN = 5 };
    static float old_dw[2][EXPERTS * OUT * IN], old_dx[N * IN], old_dz[N * EXPERTS];
    struct tr_tensor first = weights(w, THIN, IN), second = weights(rows, IN, THIN);
    memset(dw, 0, sizeof dw);
    tr_threads(1);
    float loss = sweep(tape, &first, &second);
    memcpy(old_dw, dw, sizeof dw);
    memcpy(old_dx, dx, sizeof dx);
    memcpy(old_dz, dz, sizeof dz);
    for (int threads = 2; threads <= 5; threads++) {
        tr_threads(threads);
        MUST(sweep(tape, &first, &second) == loss);
        ck_assert_mem_eq(old_dw, dw, sizeof dw);
        ck_assert_mem_eq(old_dx, dx, sizeof dx);
        ck_assert_mem_eq(old_dz, dz, sizeof dz);
    }
}
END_TEST

/* Logits that differ by less than an F16 has digits: kept as such, they would choose the
 * first.  The choice is kept, so gradients go where the rows went. */
START_TEST(test_choice_is_made_once)
{
    struct tr_tensor first = weights(w, OUT, IN), second = weights(rows, IN, OUT);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL,
                                     NULL);
    ck_assert_ptr_nonnull(tp);
    tr_tape_keep_half(tp);
    for (int t = 0; t < N; t++)
        for (int e = 0; e < EXPERTS; e++)
            logits[t * EXPERTS + e] = e < USED ? 1 : 1 + 1e-5f * (float)e;
    sweep(tp, &first, &second);
    for (int e = 0; e < EXPERTS; e++)
        ck_assert_msg((dw[0][e * OUT * IN] != 0) == (e >= EXPERTS - USED), "expert %d", e);
    tr_tape_free(tp);
}
END_TEST

static const struct {
    int64_t x_rows, x_cols, n_expert;
} misfits[] = { { N, IN - 1, EXPERTS }, { N + 1, IN, EXPERTS }, { N, IN, EXPERTS - 1 } };
enum { N_MISFIT = sizeof misfits / sizeof misfits[0] };

/* A mistake of the program ends it. */
START_TEST(test_shapes)
{
    struct tr_tensor from = matrix(x, misfits[_i].x_rows, misfits[_i].x_cols);
    struct tr_tensor all = weights(w, OUT, IN);
    all.dim[0] = misfits[_i].n_expert;
    struct tr_routing r = tr_route(tape, &z, &routes[0]);
    tr_experts_in(tape, &from, &all, &r, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("experts");
    TCase *tc = tcase_create("experts");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_loop_test(tc, test_route, 0, N_ROUTE);
    tcase_add_loop_test(tc, test_route_with_bias, 0, N_ROUTE);
    tcase_add_loop_test(tc, test_by_expert, 0, N_ROUTE);
    tcase_add_test(tc, test_ties);
    tcase_add_test(tc, test_balance_loss);
    tcase_add_loop_test(tc, test_products, 0, N_TYPE);
    tcase_add_test(tc, test_an_expert_without_rows_has_no_gradient);
    tcase_add_test(tc, test_bits_do_not_depend_on_threads);
    tcase_add_test(tc, test_choice_is_made_once);
    tcase_add_loop_test_raise_signal(tc, test_shapes, SIGABRT, 0, N_MISFIT);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
