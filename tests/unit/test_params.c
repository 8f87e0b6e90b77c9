/* SPDX-License-Identifier: MIT
 *
 * When gradients may be emptied: tr_output_loss adds its part of them in the forward
 * pass, so between forward and backward it is too late, and the library says so.
 */
#include "suite.h"

#include <libtrain/loss.h>
#include <libtrain/params.h>
#include <libtrain/rng.h>
#include <libtrain/tape.h>

#include <signal.h>
#include <string.h>

enum { ROWS = 5, WIDTH = 4, VOCAB = 7, N = VOCAB * WIDTH };

/* Rows x through one table w. */
static struct tr_params params;
static struct tr_tensor x, w;
static float x_data[ROWS * WIDTH];
static const int32_t target[ROWS] = { 3, 0, 6, -1, 2 };
static struct tr_tape *tp;

static void begin(void)
{
    struct tr_rng r = tr_rng_init(5, 0);
    struct tr_tape_plan room = { .kept = 1 << 20, .segment = 1 << 20 };
    for (int i = 0; i < ROWS * WIDTH; i++)
        x_data[i] = tr_rng_normal(&r);
    x = tr_tensor_make("x", &tr_f32, 2, (int64_t[]){ ROWS, WIDTH }, x_data);
    w = tr_tensor_make("w", &tr_f32, 2, (int64_t[]){ VOCAB, WIDTH }, NULL);
    ck_assert_int_eq(tr_params_init(&params, 1, tr_optim_at(0), NULL), 0);
    tr_params_add(&params, &w);
    ck_assert_int_eq(tr_params_allocate(&params, NULL), 0);
    for (int i = 0; i < N; i++)
        params.value[i] = tr_rng_normal(&r);
    tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, &room, NULL);
    ck_assert_ptr_nonnull(tp);
}

static void end(void)
{
    tr_tape_free(tp);
    tr_params_release(&params);
}

static struct tr_tensor *forward(void)
{
    tr_tape_reset(tp);
    tr_segment_begin(tp);
    struct tr_loss loss = { .kind = tr_loss_at(0), .scale = 1 };
    return tr_segment_end(tp, tr_output_loss(tp, &x, &w, target, &loss));
}

/* A step of n micro-batches, all the same; its gradient. */
static void step(int n, float *grad)
{
    tr_params_empty_grads(&params);
    for (int i = 0; i < n; i++)
        tr_tape_backward(tp, forward());
    tr_params_settle_grads(&params);
    memcpy(grad, w.grad, N * sizeof *grad);
}

START_TEST(emptied_before_forward)
{
    float one[N], two[N], again[N];
    step(1, one);
    step(2, two);
    step(1, again);
    ck_assert_mem_eq(one, again, sizeof one);
    for (int i = 0; i < N; i++)
        ck_assert(two[i] == 2 * one[i]);
    ck_assert_double_gt(tr_params_grad_norm(&params), 0.1);
}
END_TEST

START_TEST(emptied_between_forward_and_backward)
{
    struct tr_tensor *loss = forward();
    tr_params_empty_grads(&params); /* ends here */
    tr_tape_backward(tp, loss);
}
END_TEST

START_TEST(a_forward_pass_that_is_given_up)
{
    float one[N], after[N];
    step(1, one);
    forward();
    tr_tape_reset(tp);
    step(1, after);
    ck_assert_mem_eq(one, after, sizeof one);
    forward();
    tr_tape_free(tp);
    tp = NULL;
    tr_params_empty_grads(&params);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("params");
    TCase *tc = tcase_create("gradients");
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_test(tc, emptied_before_forward);
    tcase_add_test_raise_signal(tc, emptied_between_forward_and_backward, SIGABRT);
    tcase_add_test(tc, a_forward_pass_that_is_given_up);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
