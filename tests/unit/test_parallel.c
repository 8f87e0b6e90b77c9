/* SPDX-License-Identifier: MIT
 *
 * Several threads of a program, each with a tape and parameters of its own, at the same time:
 * the same bits as one after the other.
 */
#include "suite.h"

#include <libtrain/loss.h>
#include <libtrain/ops.h>
#include <libtrain/params.h>
#include <libtrain/precision.h>
#include <libtrain/rng.h>

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, STEPS = 6, ROWS = 48, WIDTH = 48, MLP = 64, VOCAB = 60, WEIGHTS = 8,
       MOST = WEIGHTS * MLP * WIDTH };

struct job {
    const struct tr_precision *precision;
    int failed;
    size_t n;
    float result[MOST]; /* the parameters at the end */
};

struct net {
    struct tr_tensor w[WEIGHTS]; /* table, norm, q, k, v, gate, up, down */
    int32_t id[ROWS], pos[ROWS], target[ROWS];
};

static void make_net(struct net *net, const struct tr_precision *precision)
{
    static const int64_t shape[WEIGHTS][2] = { { VOCAB, WIDTH }, { 1, WIDTH },
        { WIDTH, WIDTH }, { WIDTH, WIDTH }, { WIDTH, WIDTH }, { MLP, WIDTH },
        { MLP, WIDTH }, { WIDTH, MLP } };
    for (int i = 0; i < WEIGHTS; i++) {
        int is_vector = shape[i][0] == 1;
        net->w[i] = tr_tensor_make("w", &tr_f32, is_vector ? 1 : 2, shape[i] + is_vector,
                                   NULL);
        net->w[i].products = is_vector ? NULL : precision->products;
    }
    for (int i = 0; i < ROWS; i++) {
        net->id[i] = i * 7 % VOCAB;
        net->pos[i] = i % (ROWS / 2);
        net->target[i] = i * 11 % VOCAB;
    }
}

static struct tr_tensor *loss_of(struct net *net, struct tr_tape *tp)
{
    struct tr_tensor *w = net->w;
    struct tr_tensor *x = tr_embedding(tp, &w[0], net->id, NULL, NULL, ROWS, 1);
    struct tr_tensor *h = tr_rms_norm(tp, x, &w[1], 1e-5f);
    h = tr_attention(tp, tr_linear(tp, h, &w[2], NULL), tr_linear(tp, h, &w[3], NULL),
                     tr_linear(tp, h, &w[4], NULL), net->pos,
                     &(struct tr_attention){ .n_head = 2, .n_head_kv = 2, .head_dim = 24,
                                             .scale = 0.25f });
    x = tr_add(tp, x, h);
    h = tr_swiglu(tp, tr_linear(tp, x, &w[5], NULL), tr_linear(tp, x, &w[6], NULL));
    x = tr_linear(tp, h, &w[7], &(struct tr_linear){ .add = x });
    return tr_output_loss(tp, x, &w[0], net->target,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = 1.0f / ROWS });
}

static void *train(void *ctx)
{
    struct job *job = ctx;
    struct net net;
    struct tr_params p;
    struct tr_rng rng = tr_rng_init(3, 0);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL, NULL);
    make_net(&net, job->precision);
    job->failed = !tp || tr_params_init(&p, WEIGHTS, tr_optim_by_name("adamw"), NULL);
    for (int i = 0; !job->failed && i < WEIGHTS; i++)
        tr_params_add(&p, &net.w[i]);
    job->failed = job->failed || tr_params_allocate(&p, NULL);
    for (int64_t i = 0; !job->failed && i < p.count; i++)
        p.value[i] = tr_rng_normal(&rng) / 4;
    for (int t = 1; !job->failed && t <= STEPS; t++) {
        tr_params_empty_grads(&p);
        tr_tape_reset(tp);
        job->failed = tr_tape_backward(tp, loss_of(&net, tp)) != 0;
        tr_params_settle_grads(&p);
        tr_params_update(&p, &(struct tr_optim_step){ .lr = 0.01, .grad_scale = 1, .t = t });
    }
    job->n = (size_t)p.count * sizeof *p.value;
    memcpy(job->result, p.value, job->n);
    tr_tape_free(tp);
    tr_params_release(&p);
    return NULL;
}

static void run_jobs(struct job *job, int n)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, train, &job[i]), 0);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
        ck_assert(!job[i].failed);
    }
}

START_TEST(test_threads_with_tapes_of_their_own)
{
    static struct job alone, job[THREADS];
    const struct tr_precision *precision = tr_precision_at(_i);
    if (tr_precision_open(precision, NULL)) {
        printf("SKIP threads with %s: this machine does not compute in it\n", precision->name);
        return;
    }
    alone.precision = precision;
    run_jobs(&alone, 1);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < THREADS; i++)
            job[i] = (struct job){ .precision = precision };
        run_jobs(job, THREADS);
        for (int i = 0; i < THREADS; i++)
            ck_assert_mem_eq(job[i].result, alone.result, alone.n);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parallel");
    TCase *tc = tcase_create("parallel");
    tcase_set_timeout(tc, 120);
    int n = 0;
    while (tr_precision_at(n))
        n++;
    tcase_add_loop_test(tc, test_threads_with_tapes_of_their_own, 0, n);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
