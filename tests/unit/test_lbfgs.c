/* SPDX-License-Identifier: MIT
 *
 * L-BFGS on functions whose least value is known: a convex one of very different curvatures,
 * where it leaves AdamW behind at any rate with as many gradients, and Rosenbrock's valley.
 * What it cannot have leaves the parameters as they were.
 */
#include "suite.h"

#include <libtrain/params.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <string.h>

enum { N = 60, ASKS = 200 };
static double least; /* of the convex one */

struct problem {
    struct tr_params p;
    struct tr_tensor t;
    double (*loss)(struct problem *); /* fills the gradient */
    int asked;
};

/* Convex: differences of neighbours are to be what they cannot quite be, as both ends are
 * held.  The curvatures are those of a string, from about (pi / N)^2 to 4. */
static double string(struct problem *q)
{
    const float *x = q->t.data;
    double sum = 0;
    memset(q->t.grad, 0, N * sizeof(float));
    for (int i = 0; i <= N; i++) {
        double here = i < N ? (double)x[i] : 0, before = i ? (double)x[i - 1] : 0;
        double off = here - before - sin(0.1 * i);
        sum += 0.5 * off * off;
        if (i < N)
            q->t.grad[i] += (float)off;
        if (i)
            q->t.grad[i - 1] -= (float)off;
    }
    return sum - least;
}

static double rosenbrock(struct problem *q)
{
    const float *v = q->t.data;
    double x = (double)v[0], y = (double)v[1], bend = y - x * x;
    memset(q->t.grad, 0, N * sizeof(float));
    q->t.grad[0] = (float)(-2 * (1 - x) - 400 * x * bend);
    q->t.grad[1] = (float)(200 * bend);
    return (1 - x) * (1 - x) + 100 * bend * bend;
}

/* No number but at the start. */
static double cliff(struct problem *q)
{
    double at_start = !q->asked;
    for (int i = 0; i < N; i++)
        q->t.grad[i] = 1;
    return at_start > 0 ? 1 : (double)NAN;
}

static double ask(void *ctx)
{
    struct problem *q = ctx;
    q->asked++;
    return q->loss(q);
}

static void begin(struct problem *q, const char *optim, double (*loss)(struct problem *),
                  float start)
{
    static const int64_t shape[] = { N };
    *q = (struct problem){ .loss = loss };
    ck_assert_int_eq(tr_params_init(&q->p, 1, tr_optim_by_name(optim), NULL), 0);
    q->t = tr_tensor_make("x", &tr_f32, 1, shape, NULL);
    tr_params_add(&q->p, &q->t);
    ck_assert_int_eq(tr_params_allocate(&q->p, NULL), 0);
    for (int i = 0; i < N; i++)
        ((float *)q->t.data)[i] = start;
}

static double adam(double (*loss)(struct problem *), double rate)
{
    struct problem q;
    begin(&q, "adamw", loss, 0);
    for (int t = 1; t <= ASKS; t++) {
        loss(&q);
        tr_params_update(&q.p, &(struct tr_optim_step){ .lr = rate, .grad_scale = 1, .t = t });
    }
    double end = loss(&q);
    tr_params_release(&q.p);
    return end;
}

static double lbfgs(struct problem *q, int most)
{
    double loss = q->loss(q);
    const struct tr_optim_ask a = { ask, q };
    for (int i = 0; q->asked < most && i < most; i++) {
        tr_params_minimise(&q->p, loss, &a);
        loss = q->loss(q);
    }
    return loss;
}

/* Off every difference by the same: the sum of all sines over N + 1. */
static double least_of_string(void)
{
    double all = 0;
    for (int i = 0; i <= N; i++)
        all += sin(0.1 * i);
    return 0.5 * all * all / (N + 1);
}

START_TEST(leaves_adam_behind)
{
    struct problem q;
    double best = (double)INFINITY;
    least = least_of_string();
    for (double rate = 1e-3; rate < 2; rate *= 2)
        best = fmin(best, adam(string, rate));
    begin(&q, "lbfgs", string, 0);
    q.p.option = (const double[]){ ASKS - 20, 10 }; /* a step asks once, with few exceptions */
    double start = string(&q), end = lbfgs(&q, 1);
    ck_assert_int_le(q.asked, ASKS);
    ck_assert_msg(end < 0.01 * best && best < 0.5 * start, "%g to %g in %d, AdamW to %g", start,
                  end, q.asked, best);
    tr_params_release(&q.p);
}
END_TEST

START_TEST(goes_through_the_valley)
{
    struct problem q;
    begin(&q, "lbfgs", rosenbrock, 0);
    ((float *)q.t.data)[0] = -1.2f;
    ((float *)q.t.data)[1] = 1;
    ck_assert_double_lt(lbfgs(&q, 60), 1e-8);
    ck_assert_double_eq_tol((double)((float *)q.t.data)[0], 1, 1e-3);
    tr_params_release(&q.p);
}
END_TEST

START_TEST(nothing_better_changes_nothing)
{
    struct problem q;
    float before[N];
    begin(&q, "lbfgs", cliff, 0.3f);
    memcpy(before, q.t.data, sizeof before);
    tr_params_minimise(&q.p, cliff(&q), &(struct tr_optim_ask){ ask, &q });
    ck_assert_mem_eq(before, q.t.data, sizeof before);
    ck_assert_int_gt(q.asked, 1);
    tr_params_release(&q.p);
}
END_TEST

START_TEST(any_threads)
{
    struct problem q[2];
    for (int i = 0; i < 2; i++) {
        tr_threads(1 + 2 * i);
        begin(&q[i], "lbfgs", string, 0);
        lbfgs(&q[i], 30);
    }
    ck_assert_mem_eq(q[0].t.data, q[1].t.data, N * sizeof(float));
    tr_params_release(&q[0].p);
    tr_params_release(&q[1].p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lbfgs");
    TCase *tc = tcase_create("lbfgs");
    tcase_add_test(tc, leaves_adam_behind);
    tcase_add_test(tc, goes_through_the_valley);
    tcase_add_test(tc, nothing_better_changes_nothing);
    tcase_add_test(tc, any_threads);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
