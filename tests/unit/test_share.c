/* SPDX-License-Identifier: MIT
 *
 * Tensors that several segments read: a small net with inputs of every block from the first
 * segment and keys and values of one block in another, against the same net without
 * segments, whose gradients need nothing of the kind.
 */
#include "sanitized.h"
#include "suite.h"
#include "tape_run.h"

#include <libtrain/loss.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <signal.h>
#include <string.h>

enum { ROWS = 24, VOCAB = 11, WIDTH = 16, N_BLOCK = 4, PART = 8, LAYERS = N_BLOCK * PART };
enum { TABLE, PARTS, TO_PARTS, NORM, PART_NORM, BLOCK }; /* before the blocks' */
enum { Q, KV, OUT, GATE, DOWN, N_OF_BLOCK };
enum { N_PARAM = BLOCK + N_BLOCK * N_OF_BLOCK, MOST = LAYERS * WIDTH };

static const int64_t shapes[BLOCK + N_OF_BLOCK][2] = {
    [TABLE] = { VOCAB, WIDTH },        [PARTS] = { VOCAB, LAYERS },
    [TO_PARTS] = { LAYERS, WIDTH },    [NORM] = { 0, WIDTH },
    [PART_NORM] = { 0, PART },         [BLOCK + Q] = { WIDTH, WIDTH },
    [BLOCK + KV] = { 2 * WIDTH, WIDTH }, [BLOCK + OUT] = { WIDTH, WIDTH },
    [BLOCK + GATE] = { PART, WIDTH },  [BLOCK + DOWN] = { WIDTH, PART },
};

struct net {
    struct tr_tensor p[N_PARAM];
    float data[N_PARAM][MOST], grad[N_PARAM][MOST];
    int32_t id[ROWS], pos[ROWS], target[ROWS];
    int segments; /* 0: none, nothing is shared */
    const struct tr_tensor *parts; /* the shared input of all blocks, in the last run */
    int calls;
};

static struct net net; /* large for a stack */
static int group; /* of segments, of which only one result waits; 0: none */

static const int64_t *shape_of(int i)
{
    return shapes[i < BLOCK ? i : BLOCK + (i - BLOCK) % N_OF_BLOCK];
}

static int of_block(int block, int what)
{
    return BLOCK + block * N_OF_BLOCK + what;
}

/* All parameters anew, gradients of zero; bit i of `frozen`: no gradient for i. */
static void new_net(int segments, uint64_t frozen)
{
    net = (struct net){ .segments = segments };
    for (int i = 0; i < N_PARAM; i++) {
        const int64_t *dim = shape_of(i);
        for (int j = 0; j < MOST; j++)
            net.data[i][j] = (float)((int)(tr_hash32((uint32_t)i + 1, (uint32_t)j) >> 22) -
                                     512) / 1024;
        net.p[i] = tr_tensor_make("p", &tr_f32, dim[0] ? 2 : 1, dim[0] ? dim : dim + 1,
                                  net.data[i]);
        net.p[i].needs_grad = !(frozen >> i & 1);
        net.p[i].grad = net.p[i].needs_grad ? net.grad[i] : NULL;
        net.p[i].index = i;
    }
    for (int i = 0; i < ROWS; i++) {
        net.id[i] = i * 7 % VOCAB;
        net.target[i] = (i * 5 + 3) % VOCAB;
        net.pos[i] = i % (ROWS / 2); /* two documents */
    }
}

/* ---- the net ---------------------------------------------------------------------- */

static void begin(struct tr_tape *tp)
{
    if (net.segments)
        tr_segment_begin(tp);
}

static struct tr_tensor *end(struct tr_tape *tp, struct tr_tensor *x)
{
    return net.segments ? tr_segment_end(tp, x) : x;
}

static struct tr_tensor *share(struct tr_tape *tp, struct tr_tensor *x)
{
    return net.segments ? tr_tape_share(tp, x) : x;
}

static struct tr_tensor *parts_of(struct tr_tape *tp, struct tr_tensor *x)
{
    struct tr_tensor *t = tr_embedding(tp, &net.p[PARTS], net.id, NULL, NULL, ROWS, 0.5f);
    t = tr_linear(tp, x, &net.p[TO_PARTS], &(struct tr_linear){ .add = t });
    return share(tp, tr_rms_norm(tp, t, &net.p[PART_NORM], 1e-5f));
}

struct kv {
    struct tr_tensor *k, *v;
};

/* Views, of which one is normed and turned in place. */
static struct kv keys_of(struct tr_tape *tp, struct tr_tensor *h, int block)
{
    struct tr_tensor *all = tr_linear(tp, h, &net.p[of_block(block, KV)], NULL);
    struct tr_tensor *k = tr_rms_norm(tp, tr_columns(tp, all, 0, WIDTH), &net.p[NORM],
                                      1e-5f);
    k = tr_rope(tp, k, net.pos,
                &(struct tr_rope){ .head_dim = 8, .n_rot = 8, .freq_base = 10,
                                   .freq_scale = 1 });
    return (struct kv){ share(tp, k), share(tp, tr_columns(tp, all, WIDTH, WIDTH)) };
}

/* Block 0 makes keys and values, blocks 2 and 3 use them again; block 1 reads nothing that
 * is shared, and its result is. */
static struct tr_tensor *block(struct tr_tape *tp, struct tr_tensor *x, int i,
                               struct tr_tensor *parts, struct kv *kv)
{
    begin(tp);
    if (i != 1) {
        struct tr_tensor *h = tr_rms_norm(tp, x, &net.p[NORM], 1e-5f);
        struct tr_tensor *q = tr_linear(tp, h, &net.p[of_block(i, Q)], NULL);
        if (!i)
            *kv = keys_of(tp, h, i);
        struct tr_attention opt = { .n_head = 2, .n_head_kv = 2, .head_dim = 8,
                                    .scale = 1 };
        x = tr_linear(tp, tr_attention(tp, q, kv->k, kv->v, net.pos, &opt),
                      &net.p[of_block(i, OUT)], &(struct tr_linear){ .add = x });
        x = net.segments ? tr_segment_cut(tp, x) : x;
    }
    struct tr_tensor *g = tr_gelu(tp, tr_linear(tp, x, &net.p[of_block(i, GATE)], NULL));
    if (i != 1)
        g = tr_mul(tp, g, tr_columns(tp, parts, i * PART, PART));
    x = tr_linear(tp, g, &net.p[of_block(i, DOWN)], &(struct tr_linear){ .add = x });
    return end(tp, i == 1 ? share(tp, x) : x);
}

static struct tr_tensor *build(void *ctx, struct tr_tape *tp)
{
    (void)ctx;
    struct kv kv = { 0 };
    struct tr_tensor *early = NULL;
    if (net.segments)
        tr_tape_recompute_groups(tp, group);
    begin(tp);
    struct tr_tensor *x = tr_embedding(tp, &net.p[TABLE], net.id, NULL, NULL, ROWS, 4);
    struct tr_tensor *parts = parts_of(tp, x);
    net.parts = parts;
    x = end(tp, x);
    for (int i = 0; i < N_BLOCK; i++) {
        x = block(tp, x, i, parts, &kv);
        early = i == 1 ? x : early;
    }
    begin(tp);
    x = tr_rms_norm(tp, tr_add(tp, x, early), &net.p[NORM], 1e-5f);
    return end(tp, tr_output_loss(tp, x, &net.p[TABLE], net.target,
                                  &(struct tr_loss){
                                      .kind = tr_loss_by_name("cross_entropy"),
                                      .scale = 1 }));
}

/* ---- what must come out ------------------------------------------------------------ */

static float want[N_PARAM][MOST], want_loss;

static void run_without_segments(uint64_t frozen)
{
    new_net(0, frozen);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_NONE, NULL, NULL);
    struct tr_tensor *loss = build(NULL, tp);
    want_loss = *(const float *)loss->data;
    ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
    tr_tape_free(tp);
    memcpy(want, net.grad, sizeof want);
    double sum = 0;
    for (int i = 0; i < N_PARAM; i++)
        for (int j = 0; j < MOST; j++)
            sum += fabs((double)want[i][j]);
    ck_assert(sum > 1 && isfinite(sum));
}

/* Within so much of the largest number of the gradient; 0: the same. */
static void compare(double tolerance)
{
    for (int i = 0; i < N_PARAM; i++) {
        double most = 0;
        for (int j = 0; j < MOST; j++)
            most = larger(most, fabs((double)want[i][j]));
        for (int j = 0; j < MOST; j++)
            if (!(fabs((double)net.grad[i][j] - (double)want[i][j]) <= tolerance * most))
                ck_abort_msg("parameter %d, number %d: %.9g, wanted %.9g", i, j,
                             (double)net.grad[i][j], (double)want[i][j]);
    }
}

/* How much is computed again: also with results in groups of so many. */
static const struct {
    enum tr_recompute mode;
    int group;
} ways[] = { { TR_RECOMPUTE_CHEAP, 0 }, { TR_RECOMPUTE_ALL, 0 },   { TR_RECOMPUTE_NONE, 0 },
             { TR_RECOMPUTE_CHEAP, 2 }, { TR_RECOMPUTE_CHEAP, 3 }, { TR_RECOMPUTE_ALL, 4 },
             { TR_RECOMPUTE_ALL, 20 } };
enum { N_WAY = sizeof ways / sizeof *ways };

/* What is trained: all; what makes the parts; what makes keys and values; one matrix of the
 * last block. */
static const uint64_t freezes[] = {
    0,
    ~(1ull << TO_PARTS),
    ~(1ull << (BLOCK + KV)),
    ~(1ull << (BLOCK + 3 * N_OF_BLOCK + DOWN)),
};

/* Every mode, any number of segments computed again, step after step: the same bits. */
START_TEST(test_same_as_without_segments)
{
    group = ways[_i].group;
    for (size_t f = 0; f < sizeof freezes / sizeof *freezes; f++) {
        run_without_segments(freezes[f]);
        for (int first = 0; first <= N_BLOCK + 2; first++) {
            struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, ways[_i].mode, NULL, NULL);
            tr_tape_recompute_first(tp, first);
            for (int step = 0; step < 2; step++) {
                new_net(1, freezes[f]);
                tr_tape_reset(tp);
                struct tr_tensor *loss = build(NULL, tp);
                ck_assert(*(const float *)loss->data == want_loss);
                ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
                compare(0);
            }
            tr_tape_free(tp);
        }
    }
}
END_TEST

START_TEST(test_keep_half)
{
    group = ways[_i].group;
    run_without_segments(0);
    new_net(1, 0);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, ways[_i].mode, NULL, NULL);
    tr_tape_keep_half(tp);
    struct tr_tensor *loss = build(NULL, tp);
    ck_assert(*(const float *)loss->data == want_loss);
    ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
    compare(5e-3);
    tr_tape_free(tp);
}
END_TEST

/* ---- gradients that die with their segment ------------------------------------------ */

static void take(void *ctx, struct tr_tensor *t)
{
    (void)ctx;
    net.calls++;
    memcpy(net.grad[t->index], t->grad, (size_t)tr_tensor_count(t) * sizeof(float));
}

static void count_only(void *ctx, struct tr_tensor *t)
{
    (void)ctx, (void)t;
}

static struct tr_tape *planned_each(enum tr_recompute mode, int sweeps,
                                    struct tr_tape_plan *plan)
{
    struct tr_tape *tp = tr_tape_new_planning(TR_TAPE_TRAIN, mode, NULL);
    struct tr_tensor *loss = build(NULL, tp);
    for (int i = 0; i < sweeps; i++)
        ck_assert_int_eq(tr_tape_backward_each(tp, loss, count_only, NULL), 0);
    *plan = tr_tape_plan(tp);
    tr_tape_free(tp);
    return tr_tape_new(TR_TAPE_TRAIN, mode, plan, NULL);
}

/* A second sweep over the same pass finds the same, and takes nothing more. */
START_TEST(test_each)
{
    struct tr_tape_plan plan, took;
    group = ways[_i].group;
    run_without_segments(0);
    new_net(1, 0);
    struct tr_tape *tp = planned_each(ways[_i].mode, 2, &plan);
    struct tr_tensor *loss = build(NULL, tp);
    for (int sweep = 0; sweep < 2; sweep++) {
        for (int i = 0; i < N_PARAM; i++)
            if (!net.p[i].shared)
                memset(net.grad[i], 0, sizeof net.grad[i]);
        ck_assert_int_eq(tr_tape_backward_each(tp, loss, take, NULL), 0);
        ck_assert_int_gt(net.calls, 10);
        for (int i = 0; sweep && i < N_PARAM; i++) /* the others' add up over sweeps */
            if (net.p[i].shared)
                memcpy(net.grad[i], want[i], sizeof want[i]);
        compare(0);
        took = tr_tape_plan(tp);
    }
    ck_assert(SANITIZED || (took.kept == plan.kept && took.segment <= plan.segment));
    tr_tape_free(tp);
    struct tr_tape_plan once;
    new_net(1, 0);
    tr_tape_free(planned_each(ways[_i].mode, 1, &once));
    ck_assert_uint_eq(once.kept, plan.kept);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------ */

static struct tr_tape_plan plan_of(enum tr_tape_mode mode, enum tr_recompute recompute,
                                   uint64_t frozen)
{
    new_net(1, frozen);
    struct tr_tape *tp = tape_planned(mode, recompute, build, NULL);
    struct tr_tensor *loss = build(NULL, tp);
    ck_assert(*(const float *)loss->data == want_loss);
    if (mode == TR_TAPE_TRAIN)
        ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
    struct tr_tape_plan took = tr_tape_plan(tp);
    tr_tape_free(tp);
    tp = tr_tape_new_planning(mode, recompute, NULL);
    loss = build(NULL, tp);
    if (mode == TR_TAPE_TRAIN)
        ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
    struct tr_tape_plan plan = tr_tape_plan(tp);
    tr_tape_free(tp);
    ck_assert(SANITIZED || (took.kept == plan.kept && took.segment <= plan.segment));
    return plan;
}

/* What is planned is taken, and what is shared has its gradient in it if it needs one. */
START_TEST(test_plan)
{
    enum { SHARED = ROWS * (LAYERS + 3 * WIDTH) * sizeof(float) };
    group = ways[_i].group;
    run_without_segments(0);
    struct tr_tape_plan all = plan_of(TR_TAPE_TRAIN, ways[_i].mode, 0);
    struct tr_tape_plan last = plan_of(TR_TAPE_TRAIN, ways[_i].mode, freezes[3]);
    struct tr_tape_plan eval = plan_of(TR_TAPE_EVAL, ways[_i].mode, 0);
    ck_assert_uint_ge(eval.kept, SHARED);
    ck_assert_uint_lt(eval.kept, SHARED + 3 * ROWS * WIDTH * sizeof(float));
    if (!group)
        ck_assert_uint_ge(all.kept, last.kept + SHARED);
    group = 0;
    if (ways[_i].group > 2) /* by two, half a block's result waits in place of the block's */
        ck_assert_uint_lt(all.kept, plan_of(TR_TAPE_TRAIN, TR_RECOMPUTE_ALL, 0).kept);
}
END_TEST

/* Of an evaluation it stays until reset. */
START_TEST(test_eval)
{
    float first[ROWS][LAYERS];
    run_without_segments(0);
    new_net(1, 0);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_NONE, NULL, NULL);
    build(NULL, tp);
    memcpy(first, net.parts->data, sizeof first);
    tr_tape_free(tp);
    tp = tr_tape_new(TR_TAPE_EVAL, ways[_i].mode, NULL, NULL);
    for (int step = 0; step < 2; step++) {
        tr_tape_reset(tp);
        struct tr_tensor *loss = build(NULL, tp);
        ck_assert(*(const float *)loss->data == want_loss);
        ck_assert_mem_eq(net.parts->data, first, sizeof first);
    }
    tr_tape_free(tp);
}
END_TEST

/* ---- a table of parts that is packed ------------------------------------------------ */

/* As the same numbers in f32, also what goes back through what is added to it. */
START_TEST(test_packed_table)
{
    static const char *const types[] = { "q8_0", "q4_0", "f16", "bf16" };
    const struct tr_dtype *type = tr_dtype_by_name(types[_i]);
    unsigned char packed[MOST * sizeof(float)];
    float plain[VOCAB * LAYERS];
    new_net(1, 1ull << PARTS);
    type->from_f32(net.data[PARTS], packed, VOCAB * LAYERS);
    type->to_f32(packed, plain, VOCAB * LAYERS);
    for (int packs = 0; packs < 2; packs++) {
        new_net(1, 1ull << PARTS);
        memcpy(net.data[PARTS], plain, sizeof plain);
        if (packs)
            net.p[PARTS].dtype = type, net.p[PARTS].data = packed;
        struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_ALL, NULL, NULL);
        struct tr_tensor *loss = build(NULL, tp);
        if (!packs)
            want_loss = *(const float *)loss->data;
        ck_assert(*(const float *)loss->data == want_loss);
        ck_assert_int_eq(tr_tape_backward(tp, loss), 0);
        if (!packs)
            memcpy(want, net.grad, sizeof want);
        compare(0);
        tr_tape_free(tp);
    }
}
END_TEST

/* ---- what must not be read ---------------------------------------------------------- */

START_TEST(test_what_is_not_shared)
{
    new_net(1, 0);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL, NULL);
    tr_segment_begin(tp);
    struct tr_tensor *x = tr_linear(tp, &net.p[TABLE], &net.p[of_block(0, Q)], NULL);
    struct tr_tensor *y = tr_segment_end(tp, tr_gelu(tp, x));
    tr_tape_share(tp, y);
    tr_add(tp, y, x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("share");
    TCase *tc = tcase_create("share");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_same_as_without_segments, 0, N_WAY);
    tcase_add_loop_test(tc, test_keep_half, 0, N_WAY);
    tcase_add_loop_test(tc, test_each, 0, N_WAY);
    tcase_add_loop_test(tc, test_plan, 0, N_WAY);
    tcase_add_loop_test(tc, test_eval, 0, 3);
    tcase_add_loop_test(tc, test_packed_table, 0, 4);
    tcase_add_test_raise_signal(tc, test_what_is_not_shared, SIGABRT);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
