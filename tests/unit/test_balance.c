/* SPDX-License-Identifier: MIT
 *
 * The balance loss in a run: its gradient is that of what a step tells, and training for it
 * makes experts equally busy.
 */
#include "keyed_model.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <math.h>

/* So few rows that none goes to another expert where a number changes a little. */
enum { CTX = 8, USED = 2 };

static const char *data;

static void write_model_and_data(void)
{
    int32_t id[2 * (CTX + 1)];
    keyed_model_write(path, "qwen3moe", "block_count=2 expert_count=4 expert_used_count=2",
                      "");
    data = in_dir("data.pack");
    tiny_tokens(id, 2 * (CTX + 1));
    tiny_pack_write(data, 2, CTX + 1, id, SMALL_VOCAB);
}

static struct training_run begin_run(double lr, double balance)
{
    struct tr_train_args a = reference_args(NULL);
    a.full = 1;
    a.steps = 200;
    a.lr = lr;
    a.clip = 0;
    a.balance = balance;
    return run_open(path, data, &a);
}

static float *value_of(const struct training_run *r, const char *name, int64_t i,
                       float **grad)
{
    const struct tr_params *p = tr_trainer_params(r->t);
    for (size_t k = 0; k < p->n; k++)
        if (!strcmp(p->tensor[k]->name, name)) {
            *grad = p->grad + p->offset[k] + i;
            return p->value + p->offset[k] + i;
        }
    ck_abort_msg("no '%s'", name);
    return NULL;
}

/* Numbers of the router itself, and of what stands before it. */
static const char *const names[] = {
    "blk.0.ffn_gate_inp.weight", "blk.1.ffn_gate_inp.weight", "blk.0.attn_v.weight",
    "blk.1.ffn_norm.weight",
};
enum { N_NAME = sizeof names / sizeof *names, SOME = 8 };

/* What is minimised, told by a step that changes nothing. */
static double told(struct training_run *r, double weight)
{
    struct tr_step_stats s = run_steps(r, 1);
    return s.loss + weight * s.balance;
}

START_TEST(gradient)
{
    const double weight = 4, h = 1.0 / 512;
    double off = 0, all = 0;
    write_model_and_data();
    struct training_run r = begin_run(0, weight);
    for (int64_t i = 0; i < SOME; i++) {
        float *grad, *x = value_of(&r, names[_i], 3 * i, &grad), old = *x;
        told(&r, weight);
        double is = (double)*grad;
        *x = old + (float)h;
        double above = told(&r, weight);
        *x = old - (float)h;
        double below = told(&r, weight);
        *x = old;
        off += pow(is - (above - below) / (2 * h), 2);
        all += is * is;
    }
    ck_assert_msg(off <= 1e-4 * all, "%s: %g of %g", names[_i], sqrt(off), sqrt(all));
    run_close(&r);
}
END_TEST

START_TEST(experts_become_equally_busy)
{
    write_model_and_data();
    struct training_run r = begin_run(3e-3, 1);
    double first = run_steps(&r, 1).balance, last = run_steps(&r, 60).balance;
    ck_assert_msg(first > USED + 0.05 && last < USED + 0.3 * (first - USED), "%g, then %g",
                  first, last);
    run_close(&r);
}
END_TEST

START_TEST(not_asked_for)
{
    write_model_and_data();
    struct training_run r = begin_run(0, 0);
    ck_assert(run_steps(&r, 1).balance == 0);
    run_close(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("balance");
    TCase *tc = tcase_create("balance");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, gradient, 0, N_NAME);
    tcase_add_test(tc, experts_become_equally_busy);
    tcase_add_test(tc, not_asked_for);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
