/* SPDX-License-Identifier: MIT
 *
 * tr_output_loss and the losses against their formulas in f64.  The scratch arena has
 * exactly the size that the op announces.
 */
#include "suite.h"

#include <libtrain/op.h>
#include <libtrain/loss.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

extern const struct tr_op tr__op_output_loss;

struct args { /* as in ops/output_loss.c */
    struct tr_loss opt;
    const int32_t *target;
};

enum { COUNTED = 2 };

struct shape {
    int n, width, n_vocab;
    const char *kind; /* NULL: only logits */
    float cap, logit_scale;
    int every; /* each every-th row counts, the others have target -1; 0: none does */
    int store_logits; /* or COUNTED: those of rows that count alone */
    int bias;
    int weighted;
};

static const struct shape shapes[] = {
    { 1, 1, 2, "cross_entropy", 0, 1, 1, 1, 0, 0 },
    { 1, 8, 5, "mse", 0, 1, 1, 0, 0, 0 },
    { 7, 16, 129, "cross_entropy", 0, 1, 1, 0, 0, 0 },
    { 7, 16, 129, "mse", 0, 1, 1, 1, 0, 0 },
    { 33, 24, 1000, "cross_entropy", 0, 0.5f, 2, 0, 0, 0 },
    { 33, 24, 1000, "cross_entropy", 0, 1, 3, 1, 0, 0 },
    { 33, 24, 1000, "cross_entropy", 5, 1, 2, 1, 0, 0 },
    { 33, 24, 1000, "mse", 5, 2, 1, 0, 0, 0 },
    { 7, 16, 129, "cross_entropy", 0, 1, 1, 1, 1, 0 },
    { 33, 24, 1000, "cross_entropy", 5, 0.5f, 2, 1, 1, 0 },
    { 33, 24, 1000, "mse", 5, 2, 1, 0, 1, 0 },
    { 20, 8, 77, "cross_entropy", 0, 1, 0, 0, 0, 0 },
    { 20, 8, 77, NULL, 3, 1, 1, 1, 0, 0 },
    { 20, 8, 77, NULL, 3, 2, 1, 1, 1, 0 },
    { 300, 8, 33000, "cross_entropy", 0, 1, 1, 0, 0, 0 }, /* two chunks */
    { 600, 8, 33000, "cross_entropy", 0, 1, 2, 0, 1, 0 }, /* two chunks of gathered rows */
    { 33, 24, 1000, "cross_entropy", 0, 1, 1, 0, 0, 1 },
    { 33, 24, 1000, "cross_entropy", 5, 0.5f, 2, 1, 1, 1 },
    { 33, 24, 1000, "mse", 5, 2, 1, 0, 1, 1 },
    { 33, 24, 1000, "cross_entropy", 5, 1, 3, COUNTED, 1, 0 },
    { 600, 8, 33000, "cross_entropy", 0, 1, 2, COUNTED, 0, 0 },
};
enum { N_SHAPE = sizeof shapes / sizeof *shapes };

struct problem {
    struct shape s;
    struct tr_tensor x, w, bias, out;
    float *saved, *row_loss, *logits, out_data, out_grad;
    int32_t *target;
    float *weight; /* NULL: 1 */
    double sum;
    double *ref_logits, *ref_row, *ref_dx, *ref_dw, *ref_db, ref_sum;
};

static const float scale = 0.25f;

static float *random_floats(struct tr_rng *rng, int64_t n, float size)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = size * tr_rng_normal(rng);
    return x;
}

static struct tr_tensor matrix(struct tr_rng *rng, int64_t rows, int64_t cols)
{
    struct tr_tensor t = tr_tensor_make("m", &tr_f32, 2, (int64_t[]){ rows, cols },
                                        random_floats(rng, rows * cols, 1));
    t.grad = calloc((size_t)(rows * cols), sizeof(float));
    t.needs_grad = 1;
    return t;
}

static void problem_init(struct problem *p, const struct shape *s)
{
    memset(p, 0, sizeof *p);
    p->s = *s;
    struct tr_rng rng = tr_rng_init(2, (uint64_t)s->n_vocab);
    size_t n = (size_t)s->n, v = (size_t)s->n_vocab, width = (size_t)s->width;
    p->x = matrix(&rng, s->n, s->width);
    p->w = matrix(&rng, s->n_vocab, s->width);
    p->bias = matrix(&rng, 1, s->n_vocab);
    p->out = tr_tensor_make("out", &tr_f32, 1, (int64_t[]){ 1 }, &p->out_data);
    p->out_grad = 1;
    p->out.grad = &p->out_grad;
    p->saved = malloc(n * width * sizeof(float));
    p->row_loss = malloc(n * sizeof(float));
    p->logits = s->store_logits ? malloc(n * v * sizeof(float)) : NULL;
    p->target = malloc(n * sizeof *p->target);
    for (int i = 0; i < s->n; i++) {
        int t = (int)tr_rng_below(&rng, (uint64_t)s->n_vocab);
        p->target[i] = s->every && i % s->every == 0 ? t : -1;
    }
    p->weight = s->weighted ? calloc(n, sizeof *p->weight) : NULL;
    for (int i = 0; i < s->n && p->weight; i++)
        p->weight[i] = 0.5f * (float)(i % 5); /* 0 among them */
    p->ref_logits = calloc(n * v, sizeof(double));
    p->ref_row = calloc(n, sizeof(double));
    p->ref_dx = calloc(n * width, sizeof(double));
    p->ref_dw = calloc(v * width, sizeof(double));
    p->ref_db = calloc(v, sizeof(double));
}

static void problem_release(struct problem *p)
{
    free(p->x.data);
    free(p->x.grad);
    free(p->w.data);
    free(p->w.grad);
    free(p->bias.data);
    free(p->bias.grad);
    free(p->saved);
    free(p->row_loss);
    free(p->logits);
    free(p->target);
    free(p->weight);
    free(p->ref_logits);
    free(p->ref_row);
    free(p->ref_dx);
    free(p->ref_dw);
    free(p->ref_db);
}

/* Loss of logits z; z becomes its derivative. */
static double reference_loss(const struct shape *s, double *z, int target)
{
    int n = s->n_vocab;
    double loss = 0;
    if (!strcmp(s->kind, "mse")) {
        z[target] -= 1;
        for (int i = 0; i < n; i++) {
            loss += z[i] * z[i] / n;
            z[i] *= 2.0 / n;
        }
        return loss;
    }
    double sum = 0, z_target = z[target];
    for (int i = 0; i < n; i++)
        sum += z[i] = exp(z[i]);
    for (int i = 0; i < n; i++)
        z[i] /= sum;
    z[target] -= 1;
    return log(sum) - z_target;
}

static void reference_row(struct problem *p, int t, double *dz)
{
    const struct shape *s = &p->s;
    const float *x = (const float *)p->x.data + t * s->width, *w = p->w.data;
    double *z = p->ref_logits + (int64_t)t * s->n_vocab, cap = (double)s->cap;
    for (int i = 0; i < s->n_vocab; i++) {
        double sum = s->bias ? (double)((const float *)p->bias.data)[i] : 0;
        for (int j = 0; j < s->width; j++)
            sum += (double)x[j] * (double)w[i * s->width + j];
        sum *= (double)s->logit_scale;
        dz[i] = z[i] = cap > 0 ? cap * tanh(sum / cap) : sum;
    }
    if (p->target[t] < 0 || !s->kind)
        return;
    double weight = p->weight ? (double)p->weight[t] : 1;
    double loss = reference_loss(s, dz, p->target[t]);
    p->ref_row[t] = weight > 0 ? loss : 0;
    p->ref_sum += weight * loss;
    for (int i = 0; i < s->n_vocab; i++) {
        double slope = cap > 0 ? 1 - z[i] * z[i] / (cap * cap) : 1;
        double d = dz[i] * slope * (double)s->logit_scale * (double)scale * weight;
        p->ref_db[i] += d;
        for (int j = 0; j < s->width; j++) {
            p->ref_dx[t * s->width + j] += d * (double)w[i * s->width + j];
            p->ref_dw[i * s->width + j] += d * (double)x[j];
        }
    }
}

static void reference(struct problem *p)
{
    double *dz = malloc((size_t)p->s.n_vocab * sizeof *dz);
    for (int t = 0; t < p->s.n; t++)
        reference_row(p, t, dz);
    free(dz);
}

static void run(struct problem *p, int with_grad)
{
    const struct tr_loss loss = {
        .kind = p->s.kind ? tr_loss_by_name(p->s.kind) : NULL, .scale = scale,
        .soft_cap = p->s.cap, .logit_scale = p->s.logit_scale,
        .bias = p->s.bias ? &p->bias : NULL, .sum = &p->sum, .row_loss = p->row_loss,
        .logits = p->logits, .only_counted = p->s.store_logits == COUNTED,
        .weight = p->weight };
    struct args args = { loss, p->target };
    struct tr_arena scratch;
    struct tr_node nd = { .op = &tr__op_output_loss, .in = { &p->x, &p->w, p->s.bias ? &p->bias : NULL },
                          .out = &p->out,
                          .args = &args, .saved = p->saved, .scratch = &scratch,
                          .n_saved = with_grad && p->x.needs_grad
                                         ? (size_t)(p->s.n * p->s.width)
                                         : 0,
                          .with_grad = with_grad };
    for (int backward = 0; backward <= with_grad; backward++) {
        size_t bytes = nd.op->scratch(&nd, backward);
        ck_assert_int_eq(tr_arena_init(&scratch, "a test", bytes, NULL), 0);
        (backward ? nd.op->backward : nd.op->forward)(&nd);
        ck_assert_uint_eq(scratch.used, 0);
        tr_arena_release(&scratch);
    }
}

/* |x - ref| / |ref| */
static double error(const float *x, const double *ref, int64_t n)
{
    double num = 0, den = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        double e = (double)x[i] - ref[i];
        num += e * e;
        den += ref[i] * ref[i];
    }
    return sqrt(num / den);
}

static void check_logits(const struct problem *p)
{
    int64_t v = p->s.n_vocab, n = 0;
    for (int64_t t = 0; t < p->s.n; t++)
        if (p->s.store_logits != COUNTED || p->target[t] >= 0)
            ck_assert_double_le(error(p->logits + n++ * v, p->ref_logits + t * v, v), 1e-6);
}

START_TEST(matches_reference)
{
    struct problem p;
    problem_init(&p, &shapes[_i]);
    const struct shape *s = &p.s;
    reference(&p);
    run(&p, 1);
    ck_assert_double_le(fabs(p.sum - p.ref_sum), 1e-6 * p.ref_sum + 1e-12);
    ck_assert_double_le(fabs((double)p.out_data - (double)scale * p.ref_sum),
                        1e-6 * p.ref_sum + 1e-12);
    ck_assert_double_le(error(p.row_loss, p.ref_row, s->n), 1e-6);
    int64_t n = s->n, v = s->n_vocab, width = s->width;
    if (s->store_logits)
        check_logits(&p);
    ck_assert_double_le(error(p.x.grad, p.ref_dx, n * width), 3e-6);
    ck_assert_double_le(error(p.w.grad, p.ref_dw, v * width), 3e-6);
    if (s->bias)
        ck_assert_double_le(error(p.bias.grad, p.ref_db, v), 3e-6);
    problem_release(&p);
}
END_TEST

/* Same loss without gradients, and with only one of the two; nothing else is written. */
START_TEST(wanted_gradients_only)
{
    struct problem full;
    problem_init(&full, &shapes[_i]);
    run(&full, 1);
    for (int wanted = 0; wanted <= 2 + full.s.bias; wanted++) {
        struct problem p;
        problem_init(&p, &shapes[_i]);
        struct tr_tensor *t[] = { &p.x, &p.w, &p.bias };
        const struct tr_tensor *want[] = { &full.x, &full.w, &full.bias };
        float *grad[3];
        for (int i = 0; i < 3; i++) {
            grad[i] = t[i]->grad;
            t[i]->needs_grad = wanted == i + 1;
            t[i]->grad = t[i]->needs_grad ? grad[i] : NULL;
        }
        run(&p, wanted > 0);
        ck_assert_double_eq(p.sum, full.sum);
        for (int i = 0; i < 3; i++) {
            t[i]->grad = grad[i];
            if (t[i]->needs_grad)
                ck_assert_mem_eq(grad[i], want[i]->grad,
                                 (size_t)tr_tensor_count(t[i]) * sizeof(float));
        }
        problem_release(&p);
    }
    problem_release(&full);
}
END_TEST

START_TEST(threads_do_not_change_the_loss)
{
    double sum[3];
    for (int i = 0; i < 3; i++) {
        struct problem p;
        problem_init(&p, &shapes[_i]);
        omp_set_num_threads(i + 1);
        run(&p, 0);
        sum[i] = p.sum;
        problem_release(&p);
    }
    /* the logits come from BLAS, whose blocks may follow the number of threads */
    ck_assert_double_le(fabs(sum[1] - sum[0]), 1e-7 * sum[0]);
    ck_assert_double_le(fabs(sum[2] - sum[0]), 1e-7 * sum[0]);
}
END_TEST

/* A model that says NaN has a loss of NaN, in whichever place of the row it is. */
START_TEST(nan_is_not_lost)
{
    struct problem p;
    problem_init(&p, &shapes[4]);
    ((float *)p.w.data)[_i] = NAN;
    run(&p, 0);
    ck_assert(isnan(p.sum));
    problem_release(&p);
}
END_TEST

/* Weights of 1 change no bit; one of 2 is that row a second time, bit for bit; one that is
 * lost in its product with the scale, as none, though the loss counts it. */
START_TEST(weights_by_hand)
{
    for (int i = 0; i < 3; i++) {
        struct problem p, q;
        problem_init(&p, &shapes[_i]);
        problem_init(&q, &shapes[_i]);
        float weight[33], with[] = { 1, 2, 0x1p-149f };
        for (int t = 0; t < 33; t++)
            weight[t] = with[i];
        run(&p, 1);
        q.weight = weight;
        run(&q, 1);
        q.weight = NULL;
        float factor = i == 2 ? 0 : with[i]; /* a power of two rounds nothing */
        ck_assert(q.sum == (double)with[i] * p.sum && p.sum > 0);
        ck_assert_mem_eq(p.row_loss, q.row_loss, 33 * sizeof(float));
        for (int64_t j = 0; j < tr_tensor_count(&p.x); j++)
            ck_assert(q.x.grad[j] == factor * p.x.grad[j]);
        for (int64_t j = 0; j < tr_tensor_count(&p.w); j++)
            ck_assert(q.w.grad[j] == factor * p.w.grad[j]);
        problem_release(&p);
        problem_release(&q);
    }
}
END_TEST

/* A micro-batch of a tape: gradients of two passes add up. */
START_TEST(runs_on_a_tape)
{
    struct problem p;
    problem_init(&p, &shapes[_i]);
    reference(&p);
    p.x.i_segment = -1;
    p.bias.grad_empty = 1;
    for (int64_t i = 0; i < p.s.n_vocab; i++)
        p.bias.grad[i] = NAN; /* of an empty one nothing is read */
    struct tr_loss opt = { .kind = tr_loss_by_name(p.s.kind), .scale = scale,
                           .soft_cap = p.s.cap, .logit_scale = p.s.logit_scale,
                           .bias = p.s.bias ? &p.bias : NULL };
    struct tr_tape_plan plan = { 0 };
    for (int pass = 0; pass < 3; pass++) {
        struct tr_tape *tp =
            pass ? tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_ALL, &plan, NULL)
                 : tr_tape_new_planning(TR_TAPE_TRAIN, TR_RECOMPUTE_ALL, NULL);
        ck_assert_ptr_nonnull(tp);
        tr_segment_begin(tp);
        struct tr_tensor *y = tr_output_loss(tp, &p.x, &p.w, p.target, &opt);
        tr_tape_backward(tp, tr_segment_end(tp, y));
        plan = tr_tape_plan(tp);
        plan.segment += 64; /* nothing is in it here, and an arena cannot be empty */
        tr_tape_free(tp);
    }
    for (int64_t i = 0; i < tr_tensor_count(&p.x); i++)
        p.ref_dx[i] *= 2;
    for (int64_t i = 0; i < tr_tensor_count(&p.w); i++)
        p.ref_dw[i] *= 2;
    for (int64_t i = 0; i < p.s.n_vocab; i++)
        p.ref_db[i] *= 2;
    ck_assert_double_le(error(p.x.grad, p.ref_dx, tr_tensor_count(&p.x)), 1e-6);
    ck_assert_double_le(error(p.w.grad, p.ref_dw, tr_tensor_count(&p.w)), 1e-6);
    if (p.s.bias)
        ck_assert_double_le(error(p.bias.grad, p.ref_db, p.s.n_vocab), 1e-6);
    problem_release(&p);
}
END_TEST

/* Scale 0 is the gradient of nothing, while the loss is what it is. */
START_TEST(scale_of_zero)
{
    struct problem p;
    problem_init(&p, &shapes[_i]);
    reference(&p);
    struct tr_tape_plan plan = { .kept = 1 << 24, .segment = 1 << 26 };
    struct tr_tape *tp = tr_tape_new(TR_TAPE_TRAIN, TR_RECOMPUTE_ALL, &plan, NULL);
    ck_assert_ptr_nonnull(tp);
    p.x.i_segment = -1;
    struct tr_loss opt = { .kind = tr_loss_by_name(p.s.kind), .soft_cap = p.s.cap,
                           .logit_scale = p.s.logit_scale,
                           .bias = p.s.bias ? &p.bias : NULL, .sum = &p.sum };
    tr_segment_begin(tp);
    struct tr_tensor *y = tr_output_loss(tp, &p.x, &p.w, p.target, &opt);
    tr_tape_backward(tp, tr_segment_end(tp, y));
    for (int64_t i = 0; i < tr_tensor_count(&p.x); i++)
        ck_assert(p.x.grad[i] == 0);
    for (int64_t i = 0; i < tr_tensor_count(&p.w); i++)
        ck_assert(p.w.grad[i] == 0);
    for (int64_t i = 0; i < p.s.n_vocab; i++)
        ck_assert(p.bias.grad[i] == 0);
    ck_assert_double_le(fabs(p.sum - p.ref_sum), 1e-6 * p.ref_sum);
    tr_tape_free(tp);
    problem_release(&p);
}
END_TEST

/* Products with subnormal numbers take many times as long. */
START_TEST(gradients_are_not_subnormal)
{
    enum { N = 128 };
    for (int i = 0; tr_loss_at(i); i++) {
        float z[N];
        for (int j = 0; j < N; j++)
            z[j] = (float)-j;
        tr_loss_at(i)->row(z, N, 0, 1e-3f, NULL);
        for (int j = 0; j < N; j++)
            ck_assert_int_ne(fpclassify(z[j]), FP_SUBNORMAL);
    }
}
END_TEST

START_TEST(losses_have_names)
{
    for (int i = 0; tr_loss_at(i); i++)
        ck_assert_ptr_eq(tr_loss_by_name(tr_loss_name(tr_loss_at(i))), tr_loss_at(i));
    ck_assert_str_eq(tr_loss_name(tr_loss_at(0)), "cross_entropy");
    ck_assert_ptr_nonnull(tr_loss_by_name("mse"));
    ck_assert_ptr_null(tr_loss_by_name("hinge"));
}
END_TEST

/* Label smoothing is PyTorch's: F.cross_entropy(z, 2, label_smoothing=0.3) of these logits is
 * 2.08637456 (PyTorch 2.13, f64).  The z-loss adds its square. */
START_TEST(smoothing_as_pytorch)
{
    static const float logits[] = { 0.5f, -1.25f, 2, 0, 3.5f };
    static const double both[] = { 0.3, 0.01 };
    float z[5];
    memcpy(z, logits, sizeof z);
    double plain = tr_loss_by_name("cross_entropy")->row(z, 5, 2, 0, NULL), lse = plain + 2;
    memcpy(z, logits, sizeof z);
    double loss = tr_loss_by_name("cross_entropy")->row(z, 5, 2, 0, both);
    ck_assert_double_eq_tol(loss - 0.01 * lse * lse, 2.08637456, 1e-6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output_loss");
    TCase *tc = tcase_create("output_loss");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, matches_reference, 0, N_SHAPE);
    tcase_add_loop_test(tc, wanted_gradients_only, 0, N_SHAPE);
    tcase_add_loop_test(tc, threads_do_not_change_the_loss, 2, 11);
    tcase_add_loop_test(tc, nan_is_not_lost, 0, 3);
    tcase_add_loop_test(tc, weights_by_hand, 4, 8);
    tcase_add_loop_test(tc, runs_on_a_tape, 2, 11);
    tcase_add_loop_test(tc, scale_of_zero, 2, 11);
    tcase_add_test(tc, gradients_are_not_subnormal);
    tcase_add_test(tc, smoothing_as_pytorch);
    tcase_add_test(tc, losses_have_names);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
