/* SPDX-License-Identifier: MIT
 *
 * Memory of a tape: arenas that grow, what happens when there is no more, operations that
 * need no segment.
 */
#include "suite.h"

#include <libtrain/loss.h>
#include <libtrain/op.h>
#include <libtrain/ops.h>

#include <check.h>
#include <signal.h>
#include <string.h>

/* ---- arenas ----------------------------------------------------------------------- */

START_TEST(test_arena_that_grows)
{
    enum { N = 40, BYTES = 300000 };
    struct tr_arena a;
    char *p[N];
    ck_assert_int_eq(tr_arena_init(&a, "a test", _i ? BYTES + 1 : 0, NULL), 0);
    for (int round = 0; round < 3; round++) {
        size_t mark = 0;
        for (int i = 0; i < N; i++) {
            if (i == N / 2)
                mark = tr_arena_mark(&a);
            p[i] = tr_arena_alloc(&a, BYTES);
            ck_assert_ptr_nonnull(p[i]);
            ck_assert_uint_eq((size_t)p[i] % TR_ARENA_ALIGN, 0);
            memset(p[i], i, BYTES);
        }
        for (int i = 0; i < N; i++) /* blocks do not move or overlap */
            ck_assert(p[i][0] == i && p[i][BYTES - 1] == i);
        tr_arena_rewind(&a, mark);
        ck_assert_ptr_nonnull(tr_arena_alloc(&a, 3 * BYTES));
        for (int i = 0; i < N / 2; i++)
            ck_assert(p[i][0] == i && p[i][BYTES - 1] == i);
        tr_arena_rewind(&a, 0);
        ck_assert_uint_eq(a.used, 0);
        if (round) /* one block by now */
            ck_assert(p[1] > p[0] && p[N - 1] > p[0] && p[N - 1] - p[0] < 2 * N * BYTES);
    }
    ck_assert_uint_ge(a.peak, (size_t)N * BYTES);
    tr_arena_release(&a);
}
END_TEST

static const size_t too_much[] = { SIZE_MAX, SIZE_MAX - 100, (size_t)1 << 62 };

START_TEST(test_arena_that_the_system_refuses)
{
    struct tr_arena a;
    struct tr_err err = {0};
    ck_assert_int_eq(tr_arena_init(&a, "a test", too_much[_i], &err), TR_ENOMEM);
    ck_assert_ptr_nonnull(strstr(err.text, "for a test"));
    ck_assert_int_eq(tr_arena_init(&a, "a test", 100, NULL), 0);
    ck_assert_ptr_null(tr_arena_array(&a, too_much[_i] / 4, 16));
    ck_assert_int_eq(a.err.code, TR_ENOMEM);
    ck_assert_ptr_null(tr_arena_alloc(&a, 1)); /* it stays so */
    tr_arena_release(&a);
    tr_arena_init_counting(&a);
    tr_arena_array(&a, SIZE_MAX / 4, 16);
    ck_assert_int_eq(a.err.code, TR_ENOMEM);
}
END_TEST

/* ---- a tape that fails ------------------------------------------------------------ */

enum { ROWS = 64, WIDTH = 32 };
static float x_data[ROWS * WIDTH], w_data[WIDTH * WIDTH], w_grad[WIDTH * WIDTH];
static int32_t targets[ROWS];

static struct tr_tensor matrix(int64_t rows, float *data)
{
    for (int64_t i = 0; i < rows * WIDTH; i++)
        data[i] = (float)(i * 37 % 64 - 31) / 64;
    return tr_tensor_make("p", &tr_f32, 2, (int64_t[]){ rows, WIDTH }, data);
}

static struct tr_tensor weight(void)
{
    struct tr_tensor w = matrix(WIDTH, w_data);
    w.grad = memset(w_grad, 0, sizeof w_grad);
    w.needs_grad = 1;
    return w;
}

static struct tr_tensor *loss_of(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w)
{
    return tr_output_loss(tp, x, w, targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = 1 });
}

/* y = x, until it is asked for the last time. */
static int fuse;

static void burn(struct tr_node *nd)
{
    if (!fuse--)
        tr_err_set(&nd->scratch->err, TR_ENOMEM, "out of memory for a test");
}

static const struct tr_op op_fuse = { .name = "fuse", .forward = burn, .backward = burn,
                                      .cheap = 1 };

static struct tr_tensor *fused(struct tr_tape *tp, struct tr_tensor *x)
{
    struct tr_op_call call = { .op = &op_fuse, .in = { x } };
    call.out = tr_op_alias(tp, x, 0, tr_tensor_rows(x), tr_tensor_cols(x));
    return tr_op_run(tp, &call);
}

/* Three segments; every kind of operation that looks at the shapes of its inputs. */
static struct tr_tensor *net(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w)
{
    static float one[WIDTH];
    static struct tr_tensor norm; /* the tape reads it after this call */
    norm = tr_tensor_make("n", &tr_f32, 1, (int64_t[]){ WIDTH }, one);
    tr_segment_begin(tp);
    struct tr_tensor *y = fused(tp, tr_linear(tp, x, w, NULL));
    y = tr_rms_norm(tp, y, &norm, 1e-5f);
    y = tr_rope(tp, fused(tp, y), targets,
                &(struct tr_rope){ .head_dim = 8, .n_rot = 8, .freq_base = 10,
                                   .freq_scale = 1 });
    y = fused(tp, y);
    y = tr_attention(tp, y, y, y, targets,
                     &(struct tr_attention){ .n_head = 4, .n_head_kv = 4, .head_dim = 8,
                                             .scale = 1 });
    y = fused(tp, y);
    struct tr_tensor *shared = tr_tape_share(tp, y);
    y = tr_segment_end(tp, tr_swiglu(tp, y, tr_gelu(tp, y)));
    tr_segment_begin(tp);
    y = tr_segment_end(tp, fused(tp, tr_gelu(tp, y)));
    tr_segment_begin(tp);
    y = tr_add(tp, y, fused(tp, tr_columns(tp, shared, 0, WIDTH)));
    y = tr_linear(tp, fused(tp, tr_columns(tp, y, 0, WIDTH)), w,
                  &(struct tr_linear){ .add = y });
    return tr_segment_end(tp, loss_of(tp, y, w));
}

/* Wherever it happens, the step ends in order, and one that does not fail is right. */
START_TEST(test_failure_at_any_place)
{
    float want[WIDTH * WIDTH];
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL, NULL);
    fuse = 1000;
    ck_assert_int_eq(tr_tape_backward(tp, net(tp, &x, &w)), 0);
    int n = 1000 - fuse;
    ck_assert_int_ge(n, 10);
    memcpy(want, w_grad, sizeof want);
    for (int at = 0; at <= n; at++) {
        struct tr_err err = {0};
        fuse = at;
        memset(w_grad, 0, sizeof w_grad);
        tr_tape_reset(tp);
        ck_assert_int_eq(tr_tape_error(tp, NULL), 0);
        int rc = tr_tape_backward(tp, net(tp, &x, &w));
        ck_assert_int_eq(rc, at < n ? TR_ENOMEM : 0);
        ck_assert_int_eq(tr_tape_error(tp, &err), rc);
        ck_assert(!rc || strstr(err.text, "memory for a test"));
        ck_assert(!w.grad_early);
    }
    ck_assert_mem_eq(want, w_grad, sizeof want);
    tr_tape_free(tp);
}
END_TEST

/* What no system has: an error, for a result and for an arena of a tape. */
START_TEST(test_too_large_a_result)
{
    static const int64_t rows[] = { (int64_t)1 << 40, 1 << 28 };
    static const int code[] = { TR_EUNSUPPORTED, TR_ENOMEM };
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    x.dim[0] = w.dim[0] = rows[_i];
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL, NULL);
    struct tr_err err = {0};
    struct tr_tensor *y = tr_linear(tp, &x, &w, NULL);
    ck_assert_ptr_null(y->data);
    ck_assert_int_eq(tr_tape_backward(tp, tr_gelu(tp, y)), code[_i]);
    ck_assert_int_eq(tr_tape_error(tp, &err), code[_i]);
    ck_assert_ptr_nonnull(strstr(err.text, _i ? "that wait for backward" : "linear"));
    tr_tape_free(tp);
    err.code = 0;
    struct tr_tape_plan plan = { .segment = SIZE_MAX / 2 };
    ck_assert_ptr_null(tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, &plan, &err));
    ck_assert_int_eq(err.code, TR_ENOMEM);
}
END_TEST

/* More than was planned for: the step takes it. */
START_TEST(test_too_small_a_plan)
{
    float want[WIDTH * WIDTH];
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    fuse = 1000;
    for (int part = 0; part < 3; part++) {
        struct tr_tape_plan plan = { .kept = (size_t)part * 5000,
                                     .segment = (size_t)part * 5000 };
        struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, &plan, NULL);
        for (int step = 0; step < 2; step++) {
            memset(w_grad, 0, sizeof w_grad);
            tr_tape_reset(tp);
            ck_assert_int_eq(tr_tape_backward(tp, net(tp, &x, &w)), 0);
            if (!part && !step)
                memcpy(want, w_grad, sizeof want);
            ck_assert_mem_eq(want, w_grad, sizeof want);
        }
        tr_tape_free(tp);
    }
}
END_TEST

/* ---- no plan, no segments --------------------------------------------------------- */

static const enum tr_recompute modes[] = { TR_RECOMPUTE_CHEAP, TR_RECOMPUTE_ALL,
                                           TR_RECOMPUTE_NONE };

static struct tr_tensor *plain(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w)
{
    struct tr_tensor *y = tr_linear(tp, tr_gelu(tp, tr_linear(tp, x, w, NULL)), w, NULL);
    return loss_of(tp, y, w);
}

/* The same bits as with a plan and a segment, step after step. */
START_TEST(test_no_segments)
{
    float want[WIDTH * WIDTH];
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, modes[_i], NULL, NULL);
    tr_segment_begin(tp);
    ck_assert_int_eq(tr_tape_backward(tp, tr_segment_end(tp, plain(tp, &x, &w))), 0);
    memcpy(want, w_grad, sizeof want);
    for (int step = 0; step < 3; step++) {
        memset(w_grad, 0, sizeof w_grad);
        tr_tape_reset(tp);
        struct tr_tensor *loss = plain(tp, &x, &w);
        ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
        ck_assert_mem_eq(w_grad, want, sizeof want);
    }
    tr_tape_free(tp);
}
END_TEST

/* What was computed stays: of an evaluation until reset, of a step with TR_RECOMPUTE_NONE
 * behind backward too. */
START_TEST(test_results_stay)
{
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    enum tr_tape_mode mode = _i ? TR_TAPE_TRAIN : TR_TAPE_EVAL;
    struct tr_tape *tp = tr_tape_new(mode, TR_RECOMPUTE_NONE, NULL, NULL);
    struct tr_tensor *a = tr_linear(tp, &x, &w, NULL), *b = tr_gelu(tp, a);
    float first = *tr_tensor_row(a, 0), last = tr_tensor_row(b, ROWS - 1)[WIDTH - 1];
    struct tr_tensor *loss = loss_of(tp, tr_linear(tp, b, &w, NULL), &w);
    if (_i)
        ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
    ck_assert(*tr_tensor_row(a, 0) == first);
    ck_assert(tr_tensor_row(b, ROWS - 1)[WIDTH - 1] == last);
    tr_tape_free(tp);
}
END_TEST

/* A loss that is one of several numbers: those beside it have no part in the gradient, though
 * their memory held something before. */
START_TEST(test_loss_is_a_row)
{
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    struct tr_tensor column = tr_tensor_make("c", &tr_f32, 2, (int64_t[]){ 3, 1 }, w_data);
    column.grad = w_grad;
    column.needs_grad = 1;
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, modes[_i], NULL, NULL);
    for (int step = 0; step < 3; step++) {
        memset(w_grad, 0, sizeof w_grad);
        tr_tape_reset(tp);
        if (step == 1) { /* full of numbers */
            ck_assert_int_eq(tr_tape_backward(tp, plain(tp, &x, &w)), 0);
            continue;
        }
        struct tr_tensor *loss = tr_rows(tp, tr_mul(tp, &column, &column), 0, 1);
        ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
        ck_assert(w_grad[0] == 2 * w_data[0] && !w_grad[1] && !w_grad[2]);
    }
    tr_tape_free(tp);
}
END_TEST

/* A segment may end in a result that costs little: what its backward reads of it stays too. */
static struct tr_tensor *normed(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w,
                                int segments)
{
    static float one[WIDTH];
    static struct tr_tensor norm;
    norm = tr_tensor_make("n", &tr_f32, 1, (int64_t[]){ WIDTH }, one);
    for (int i = 0; i < WIDTH; i++)
        one[i] = 1 + (float)i / WIDTH;
    if (segments)
        tr_segment_begin(tp);
    struct tr_tensor *y = tr_rms_norm(tp, tr_linear(tp, x, w, NULL), &norm, 1e-5f);
    if (segments) {
        y = tr_segment_end(tp, y);
        tr_segment_begin(tp);
    }
    y = loss_of(tp, tr_gelu(tp, y), w);
    return segments ? tr_segment_end(tp, y) : y;
}

START_TEST(test_segment_ends_in_a_norm)
{
    float want[WIDTH * WIDTH];
    struct tr_tensor x = matrix(ROWS, x_data), w = weight();
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, modes[_i], NULL, NULL);
    ck_assert_int_eq(tr_tape_backward(tp, normed(tp, &x, &w, 0)), 0);
    memcpy(want, w_grad, sizeof want);
    memset(w_grad, 0, sizeof w_grad);
    tr_tape_reset(tp);
    ck_assert_int_eq(tr_tape_backward(tp, normed(tp, &x, &w, 1)), 0);
    ck_assert_mem_eq(w_grad, want, sizeof want);
    tr_tape_free(tp);
}
END_TEST

/* n segments without anything trainable, then one with. */
static struct tr_tensor *on_top(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *frozen,
                                struct tr_tensor *w, int n, int segments)
{
    struct tr_tensor *y = x;
    for (int i = 0; i < n; i++) {
        if (segments)
            tr_segment_begin(tp);
        y = tr_linear(tp, tr_gelu(tp, tr_linear(tp, y, frozen, NULL)), frozen,
                      &(struct tr_linear){ .add = i ? y : NULL });
        if (segments)
            y = tr_segment_end(tp, y);
    }
    if (segments)
        tr_segment_begin(tp);
    y = loss_of(tp, tr_gelu(tp, tr_linear(tp, y, w, NULL)), w);
    return segments ? tr_segment_end(tp, y) : y;
}

static size_t kept_by(struct tr_tensor *x, struct tr_tensor *frozen, struct tr_tensor *w, int n)
{
    struct tr_tape *tp = tr_tape_new_planning(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL);
    tr_tape_backward(tp, on_top(tp, x, frozen, w, n, 1));
    size_t kept = tr_tape_plan(tp).kept;
    tr_tape_free(tp);
    return kept;
}

/* What backward does not come to does not wait for it: bits are the same, with as much memory
 * below two such segments as below seven; without a plan blocks come and go. */
START_TEST(test_segments_below_what_is_trained)
{
    static float frozen_data[WIDTH * WIDTH];
    float want[WIDTH * WIDTH];
    struct tr_tensor x = matrix(ROWS, x_data), w = weight(), frozen = matrix(WIDTH, frozen_data);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL, NULL);
    for (int n = 2; n < 8; n++) {
        memset(w_grad, 0, sizeof w_grad);
        tr_tape_reset(tp);
        ck_assert_int_eq(tr_tape_backward(tp, on_top(tp, &x, &frozen, &w, n, 0)), 0);
        memcpy(want, w_grad, sizeof want);
        memset(w_grad, 0, sizeof w_grad);
        tr_tape_reset(tp);
        ck_assert_int_eq(tr_tape_backward(tp, on_top(tp, &x, &frozen, &w, n, 1)), 0);
        ck_assert_mem_eq(w_grad, want, sizeof want);
    }
    tr_tape_free(tp);
    ck_assert_uint_eq(kept_by(&x, &frozen, &w, 2), kept_by(&x, &frozen, &w, 7));
    frozen.needs_grad = 1; /* now it does come */
    frozen.grad = want;
    ck_assert_uint_lt(3 * kept_by(&x, &frozen, &w, 2), 2 * kept_by(&x, &frozen, &w, 7));
}
END_TEST

START_TEST(test_segment_after_none)
{
    struct tr_tensor x = matrix(ROWS, x_data);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_NONE, NULL, NULL);
    tr_gelu(tp, &x);
    tr_segment_begin(tp);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape");
    TCase *tc = tcase_create("tape");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_arena_that_grows, 0, 2);
    tcase_add_loop_test(tc, test_arena_that_the_system_refuses, 0, 3);
    tcase_add_test(tc, test_failure_at_any_place);
    tcase_add_loop_test(tc, test_too_large_a_result, 0, 2);
    tcase_add_test(tc, test_too_small_a_plan);
    tcase_add_loop_test(tc, test_no_segments, 0, 3);
    tcase_add_loop_test(tc, test_results_stay, 0, 2);
    tcase_add_loop_test(tc, test_loss_is_a_row, 0, 3);
    tcase_add_test(tc, test_segments_below_what_is_trained);
    tcase_add_loop_test(tc, test_segment_ends_in_a_norm, 0, 3);
    tcase_add_test_raise_signal(tc, test_segment_after_none, SIGABRT);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
