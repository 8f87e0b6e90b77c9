/* SPDX-License-Identifier: MIT
 *
 * Small networks of all operations together: the slope along a direction, for every
 * parameter by itself and for all at once, and gradients that do not depend on what is
 * recomputed.
 */
#include "suite.h"
#include "tape_run.h"

#include <libtrain/loss.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 10, VOCAB = 11, CTX = 6, WIDTH = 8, HEADS = 2, HEAD = 4, MLP = 12, RANK = 2,
       MAX_PARAM = 128, MAX_NUMBER = 4096 };

static const int32_t tokens[N] = { 1, 4, 4, 0, 10, 2, 7, 1, 1, 9 };
static const int32_t targets[N] = { 4, 4, 0, 10, -1, 7, 1, 1, 9, -1 };
static const int32_t positions[N] = { 0, 1, 2, 3, 4, 0, 1, 2, 3, 4 };

/* Parameters are made on the first run, in the order in which they are asked for. */
struct net {
    struct tr_tensor *(*blocks)(struct net *net, struct tr_tape *tp, struct tr_tensor *x);
    struct tr_tensor p[MAX_PARAM];
    int n_param, next;
    int group; /* of segments, of which only one result waits; 0: none */
    float data[MAX_NUMBER], grad[MAX_NUMBER];
    int64_t n_number;
    struct tr_rng rng;
    double loss;
};

static struct tr_tensor *param(struct net *net, int64_t rows, int64_t cols)
{
    struct tr_tensor *t = &net->p[net->next++];
    if (net->next <= net->n_param)
        return t;
    net->n_param = net->next;
    int64_t dim[] = { rows, cols };
    float *data = net->data + net->n_number;
    *t = tr_tensor_make("p", &tr_f32, rows ? 2 : 1, rows ? dim : dim + 1, data);
    t->grad = net->grad + net->n_number;
    t->needs_grad = 1;
    net->n_number += tr_tensor_count(t);
    ck_assert(net->n_param < MAX_PARAM && net->n_number <= MAX_NUMBER);
    float centre = rows ? 0.0f : 0.5f;
    for (int64_t i = 0; i < tr_tensor_count(t); i++) /* of 1/1024: see gradcheck.c */
        data[i] = rintf((tr_rng_uniform(&net->rng) - 0.5f) * 1200) / 1024 + centre;
    return t;
}

/* ---- blocks ----------------------------------------------------------------------- */

static struct tr_tensor *linear(struct net *net, struct tr_tape *tp, struct tr_tensor *x,
                                int64_t out, struct tr_tensor *add)
{
    struct tr_tensor *w = param(net, out, tr_tensor_cols(x)), *bias = param(net, 0, out);
    return tr_linear(tp, x, w, &(struct tr_linear){ .bias = bias, .add = add });
}

static struct tr_tensor *attend(struct tr_tape *tp, struct tr_tensor *q,
                                struct tr_tensor *k, struct tr_tensor *v)
{
    return tr_attention(tp, q, k, v, positions,
                        &(struct tr_attention){ .n_head = HEADS,
                                                .n_head_kv = (int)tr_tensor_cols(k) / HEAD,
                                                .head_dim = HEAD, .scale = 0.5f });
}

/* As in GPT-2: fused q, k and v, biases, layer norm, GELU. */
static struct tr_tensor *gpt2_block(struct net *net, struct tr_tape *tp,
                                    struct tr_tensor *x)
{
    struct tr_tensor *h =
        tr_layer_norm(tp, x, param(net, 0, WIDTH), param(net, 0, WIDTH), 1e-5f);
    struct tr_tensor *qkv = linear(net, tp, h, 3 * WIDTH, NULL);
    h = attend(tp, tr_columns(tp, qkv, 0, WIDTH), tr_columns(tp, qkv, WIDTH, WIDTH),
               tr_columns(tp, qkv, 2 * WIDTH, WIDTH));
    x = tr_segment_cut(tp, linear(net, tp, h, WIDTH, x));
    h = tr_layer_norm(tp, x, param(net, 0, WIDTH), param(net, 0, WIDTH), 1e-5f);
    h = tr_gelu(tp, linear(net, tp, h, MLP, NULL));
    return linear(net, tp, h, WIDTH, x);
}

/* w x + b a x, the second sum over the first. */
static struct tr_tensor *adapted(struct net *net, struct tr_tape *tp, struct tr_tensor *x,
                                 int64_t out, struct tr_tensor *add)
{
    struct tr_tensor *y = linear(net, tp, x, out, add);
    struct tr_tensor *u = tr_linear(tp, x, param(net, RANK, tr_tensor_cols(x)), NULL);
    return tr_linear(tp, u, param(net, out, RANK),
                     &(struct tr_linear){ .add = y, .in_place = 1, .scale = 0.5f });
}

static struct tr_tensor *turned(struct net *net, struct tr_tape *tp, struct tr_tensor *x)
{
    x = tr_rms_norm(tp, x, param(net, 0, HEAD), 1e-5f); /* per head */
    return tr_rope(tp, x, positions,
                   &(struct tr_rope){ .head_dim = HEAD, .n_rot = HEAD, .neox = 1,
                                      .freq_base = 100, .freq_scale = 1 });
}

/* As in Qwen 3, with adapters: q/k norm, rope, grouped heads, RMS norm, a gated MLP. */
static struct tr_tensor *qwen_block(struct net *net, struct tr_tape *tp,
                                    struct tr_tensor *x)
{
    struct tr_tensor *h = tr_rms_norm(tp, x, param(net, 0, WIDTH), 1e-5f);
    struct tr_tensor *q = turned(net, tp, adapted(net, tp, h, HEADS * HEAD, NULL));
    struct tr_tensor *k = turned(net, tp, adapted(net, tp, h, HEAD, NULL));
    h = attend(tp, q, k, adapted(net, tp, h, HEAD, NULL));
    x = tr_segment_cut(tp, adapted(net, tp, h, WIDTH, x));
    h = tr_rms_norm(tp, x, param(net, 0, WIDTH), 1e-5f);
    h = tr_swiglu(tp, adapted(net, tp, h, MLP, NULL), adapted(net, tp, h, MLP, NULL));
    return adapted(net, tp, h, WIDTH, x);
}

static struct tr_tensor *run(void *ctx, struct tr_tape *tp)
{
    struct net *net = ctx;
    net->next = 0;
    net->loss = 0;
    tr_tape_recompute_groups(tp, net->group);
    struct tr_tensor *table = param(net, VOCAB, WIDTH);
    tr_segment_begin(tp);
    struct tr_tensor *x =
        tr_embedding(tp, table, tokens, param(net, CTX, WIDTH), positions, N, 2);
    x = tr_segment_end(tp, x);
    for (int i = 0; i < 2; i++) {
        tr_segment_begin(tp);
        x = tr_segment_end(tp, net->blocks(net, tp, x));
    }
    tr_segment_begin(tp);
    x = tr_rms_norm(tp, x, param(net, 0, WIDTH), 1e-5f);
    return tr_segment_end(tp, tr_output_loss(tp, x, table /* tied */, targets,
                                             &(struct tr_loss){
                                                 .kind = tr_loss_by_name("cross_entropy"),
                                                 .scale = 1, .sum = &net->loss }));
}

/* ---- tests ------------------------------------------------------------------------ */

static struct net *new_net(int i)
{
    struct net *net = calloc(1, sizeof *net);
    ck_assert_ptr_nonnull(net);
    net->blocks = i ? qwen_block : gpt2_block;
    net->rng = tr_rng_init(3, 0);
    return net;
}

static void backward(struct net *net, enum tr_recompute recompute)
{
    struct tr_tape *tp = tape_planned(TR_TAPE_TRAIN, recompute, run, net);
    memset(net->grad, 0, sizeof net->grad);
    tr_tape_backward(tp, run(net, tp));
    tr_tape_free(tp);
}

/* The loss, moved by h * direction. */
static double loss_at(struct net *net, struct tr_tape *tp, const float *direction, float h)
{
    for (int64_t i = 0; i < net->n_number; i++)
        net->data[i] += h * direction[i];
    tr_tape_reset(tp);
    run(net, tp);
    for (int64_t i = 0; i < net->n_number; i++)
        net->data[i] -= h * direction[i];
    return net->loss;
}

static void check_slope(struct net *net, struct tr_tape *tp, int64_t from, int64_t to)
{
    static float direction[MAX_NUMBER];
    const float h = 1.0f / 64;
    double slope = 0, squares = 0;
    memset(direction, 0, sizeof direction);
    for (int64_t i = from; i < to; i++) {
        direction[i] = tr_rng_below(&net->rng, 2) ? 1 : -1;
        slope += (double)(direction[i] * net->grad[i]);
        squares += (double)net->grad[i] * (double)net->grad[i];
    }
    double f[] = { loss_at(net, tp, direction, 2 * h), loss_at(net, tp, direction, h),
                   loss_at(net, tp, direction, -h), loss_at(net, tp, direction, -2 * h) };
    double want = slope_of(f, (double)h);
    ck_assert_msg(squares > 0, "numbers %d to %d: no gradient", (int)from, (int)to);
    /* the losses are sums of f32 products, right to about 5e-7 */
    double noise = 5e-7 / (double)h;
    ck_assert_msg(fabs(slope - want) <= 3e-3 * (fabs(want) + sqrt(squares)) + noise,
                  "numbers %d to %d: slope %.9g, difference %.9g", (int)from, (int)to,
                  slope, want);
}

START_TEST(test_slopes)
{
    struct net *net = new_net(_i);
    backward(net, TR_RECOMPUTE_CHEAP);
    struct tr_tape *tp = tape_planned(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, run, net);
    for (int i = 0; i < net->n_param; i++) {
        int64_t from = (float *)net->p[i].data - net->data;
        check_slope(net, tp, from, from + tr_tensor_count(&net->p[i]));
    }
    check_slope(net, tp, 0, net->n_number);
    tr_tape_free(tp);
    free(net);
}
END_TEST

/* Bit for bit, with all parameters and with every third alone. */
START_TEST(test_recompute)
{
    struct net *net = new_net(_i & 1);
    backward(net, TR_RECOMPUTE_NONE); /* makes the parameters */
    for (int i = 0; i < net->n_param && _i >= 2; i++)
        if (i % 3) {
            net->p[i].needs_grad = 0;
            net->p[i].grad = NULL;
        }
    static float first[MAX_NUMBER];
    backward(net, TR_RECOMPUTE_NONE);
    memcpy(first, net->grad, sizeof first);
    backward(net, TR_RECOMPUTE_CHEAP);
    ck_assert_mem_eq(first, net->grad, sizeof first);
    backward(net, TR_RECOMPUTE_SHORT);
    ck_assert_mem_eq(first, net->grad, sizeof first);
    backward(net, TR_RECOMPUTE_ALL);
    ck_assert_mem_eq(first, net->grad, sizeof first);
    for (net->group = 2; net->group <= 7; net->group++) { /* of six segments */
        backward(net, TR_RECOMPUTE_CHEAP);
        ck_assert_mem_eq(first, net->grad, sizeof first);
    }
    free(net);
}
END_TEST

/* A step again on the same tape gives the same bits: reset forgets everything. */
START_TEST(test_reset)
{
    struct net *net = new_net(_i);
    struct tr_tape *tp = tape_planned(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, run, net);
    static float first[MAX_NUMBER];
    for (int step = 0; step < 3; step++) {
        memset(net->grad, 0, sizeof net->grad);
        tr_tape_reset(tp);
        tr_tape_backward(tp, run(net, tp));
        if (step == 0)
            memcpy(first, net->grad, sizeof first);
        ck_assert_mem_eq(first, net->grad, sizeof first);
    }
    tr_tape_free(tp);
    free(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("network");
    TCase *tc = tcase_create("network");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_slopes, 0, 2);
    tcase_add_loop_test(tc, test_recompute, 0, 4);
    tcase_add_loop_test(tc, test_reset, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
