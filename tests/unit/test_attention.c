/* SPDX-License-Identifier: MIT
 *
 * tr_attention against the textbook form in f64: all scores of a row, softmax, its
 * derivative written out.  The scratch arena has exactly the size that the op announces.
 */
#include "suite.h"

#include <libtrain/ops/attention_plan.h>
#include <libtrain/op.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

extern const struct tr_op tr__op_attention;

struct args { /* as in ops/attention.c */
    struct tr_attention opt;
    const int32_t *pos;
};

struct shape {
    int n, n_head, n_head_kv, head_dim;
    int window;
    float cap;
    int document[8]; /* lengths; what is left of n are rows of padding, position 0 */
    int fused;       /* q, k, v are columns of one array */
    int sinks;       /* every head has one */
    int grow_every;  /* positions after which the scale grows by GROW; 0: it does not */
};

#include "attention.def"

static const float GROW = 0.3f;

struct problem {
    struct shape s;
    int bf16;
    int64_t q_width, kv_width, ld_q, ld_kv;
    float *memory, *grad_memory; /* behind q, k, v */
    struct tr_tensor q, k, v, sinks, out;
    int32_t *pos;
    float *dout, *saved;
    double *ref[5]; /* out, dq, dk, dv, dsinks, contiguous */
};

static float *random_floats(struct tr_rng *rng, int64_t n, float size)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = size * tr_rng_normal(rng);
    return x;
}

static struct tr_tensor view(struct problem *p, int64_t offset, int64_t width, int64_t ld)
{
    struct tr_tensor t = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ p->s.n, width },
                                        p->memory + offset);
    t.ld = ld;
    t.grad = p->grad_memory + offset;
    t.needs_grad = 1;
    return t;
}

static void set_positions(struct problem *p)
{
    p->pos = calloc((size_t)p->s.n, sizeof *p->pos);
    int t = 0;
    for (int i = 0; i < 8 && p->s.document[i]; i++)
        for (int j = 0; j < p->s.document[i]; j++)
            p->pos[t++] = j;
    ck_assert_int_le(t, p->s.n);
}

static void problem_init(struct problem *p, const struct shape *s)
{
    memset(p, 0, sizeof *p);
    p->s = *s;
    struct tr_rng rng = tr_rng_init(1, (uint64_t)s->n);
    int64_t n = s->n, qw = s->n_head * s->head_dim, kw = s->n_head_kv * s->head_dim;
    int64_t all = n * (qw + 2 * kw) + s->n_head;
    p->q_width = qw;
    p->kv_width = kw;
    p->memory = random_floats(&rng, all, 1.5f);
    p->grad_memory = random_floats(&rng, all, 1); /* gradients are added to */
    p->dout = random_floats(&rng, n * qw, 1);
    p->saved = malloc((size_t)(n * s->n_head) * sizeof(float));
    set_positions(p);
    int64_t ld = qw + 2 * kw;
    p->q = view(p, 0, qw, s->fused ? ld : qw);
    p->k = view(p, s->fused ? qw : n * qw, kw, s->fused ? ld : kw);
    p->v = view(p, s->fused ? qw + kw : n * (qw + kw), kw, s->fused ? ld : kw);
    p->sinks = tr_tensor_make(NULL, &tr_f32, 1, (int64_t[]){ s->n_head },
                              p->memory + n * ld);
    p->sinks.grad = p->grad_memory + n * ld;
    p->sinks.needs_grad = 1;
    p->out = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ n, qw },
                            calloc((size_t)(n * qw), sizeof(float)));
    p->out.grad = p->dout;
    for (int i = 0; i < 5; i++)
        p->ref[i] = calloc((size_t)(n * qw), sizeof(double));
}

static void problem_release(struct problem *p)
{
    free(p->memory);
    free(p->grad_memory);
    free(p->dout);
    free(p->saved);
    free(p->pos);
    free(p->out.data);
    for (int i = 0; i < 5; i++)
        free(p->ref[i]);
}

static struct tr_attention options(const struct problem *p)
{
    return (struct tr_attention){ .n_head = p->s.n_head, .n_head_kv = p->s.n_head_kv,
                                  .head_dim = p->s.head_dim,
                                  .scale = (float)(1 / sqrt(p->s.head_dim)),
                                  .soft_cap = p->s.cap, .window = p->s.window,
                                  .bf16 = p->bf16, .grow = GROW,
                                  .grow_every = p->s.grow_every };
}

static const float *at(const struct tr_tensor *t, int64_t row, int64_t col)
{
    return (const float *)t->data + row * t->ld + col;
}

static double dot(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* One query of one head; prob and slope are scratch for n numbers. */
static void reference_row(struct problem *p, int t, int h, double *prob, double *slope)
{
    const struct shape *s = &p->s;
    int hd = s->head_dim, g = h / (s->n_head / s->n_head_kv);
    double scale = (double)(float)(1 / sqrt(hd)), cap = (double)s->cap, top = -1e300;
    int first = t - p->pos[t];
    if (s->grow_every)
        scale *= 1 + (double)GROW * log(1 + p->pos[t] / s->grow_every);
    if (s->window && t - s->window + 1 > first)
        first = t - s->window + 1;
    for (int u = first; u <= t; u++) {
        prob[u] = scale * dot(at(&p->q, t, h * hd), at(&p->k, u, g * hd), hd);
        slope[u] = scale;
        if (cap > 0) {
            double r = tanh(prob[u] / cap);
            slope[u] *= 1 - r * r;
            prob[u] = cap * r;
        }
        top = fmax(top, prob[u]);
    }
    double sink = p->s.sinks ? (double)*at(&p->sinks, 0, h) : -1e300, sum, mean = 0;
    top = fmax(top, sink);
    sum = exp(sink - top);
    for (int u = first; u <= t; u++)
        sum += prob[u] = exp(prob[u] - top);
    const float *dout = p->dout + t * p->q_width + h * hd;
    for (int u = first; u <= t; u++) {
        prob[u] /= sum;
        mean += prob[u] * dot(dout, at(&p->v, u, g * hd), hd);
    }
    p->ref[4][h] -= exp(sink - top) / sum * mean;
    for (int u = first; u <= t; u++) {
        double ds = prob[u] * (dot(dout, at(&p->v, u, g * hd), hd) - mean) * slope[u];
        for (int d = 0; d < hd; d++) {
            int64_t tq = t * p->q_width + h * hd + d, uk = u * p->kv_width + g * hd + d;
            p->ref[0][tq] += prob[u] * (double)at(&p->v, u, g * hd)[d];
            p->ref[1][tq] += ds * (double)at(&p->k, u, g * hd)[d];
            p->ref[2][uk] += ds * (double)at(&p->q, t, h * hd)[d];
            p->ref[3][uk] += prob[u] * (double)dout[d];
        }
    }
}

static void reference(struct problem *p)
{
    double *scratch = malloc(2 * (size_t)p->s.n * sizeof *scratch);
    for (int h = 0; h < p->s.n_head; h++)
        for (int t = 0; t < p->s.n; t++)
            reference_row(p, t, h, scratch, scratch + p->s.n);
    free(scratch);
}

static void run(struct problem *p)
{
    struct args args = { options(p), p->pos };
    struct tr_arena scratch;
    struct tr_node nd = { .op = &tr__op_attention,
                          .in = { &p->q, &p->k, &p->v, p->s.sinks ? &p->sinks : NULL },
                          .out = &p->out, .args = &args, .saved = p->saved,
                          .scratch = &scratch, .with_grad = 1 };
    for (int backward = 0; backward < 2; backward++) {
        size_t bytes = nd.op->scratch(&nd, backward);
        ck_assert_int_eq(tr_arena_init(&scratch, "a test", bytes, NULL), 0);
        (backward ? nd.op->backward : nd.op->forward)(&nd);
        ck_assert_uint_eq(scratch.used, 0);
        tr_arena_release(&scratch);
    }
}

/* |x - before - ref| / |ref| over all numbers; `before` may be NULL. */
static double error(const float *x, const float *before, int64_t ld, int64_t width,
                    int64_t n, const double *ref)
{
    double num = 0, den = 1e-30;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) {
            double r = ref[i * width + j] + (before ? (double)before[i * ld + j] : 0);
            double e = (double)x[i * ld + j] - r;
            MUST(e == e);
            num += e * e;
            den += r * r;
        }
    return sqrt(num / den);
}

static int64_t numbers(const struct problem *p)
{
    return p->s.n * (p->q_width + 2 * p->kv_width) + p->s.n_head;
}

/* Tensor i of p, the one of whose gradient is ref[i + 1]. */
static struct tr_tensor *input(struct problem *p, int i)
{
    struct tr_tensor *in[] = { &p->q, &p->k, &p->v, &p->sinks };
    return in[i];
}

/* Of f32, which grows with the root of the number of products in a score. */
static double rounding(const struct shape *s)
{
    return 8e-7 * sqrt(fmax(1, s->head_dim / 256.0));
}

static void compare_with_reference(const struct shape *s, int bf16)
{
    double limit = bf16 ? 1e-2 : rounding(s);
    struct problem p;
    problem_init(&p, s);
    p.bf16 = bf16;
    int64_t n = p.s.n, all = numbers(&p);
    float *before = malloc((size_t)all * sizeof *before);
    memcpy(before, p.grad_memory, (size_t)all * sizeof *before);
    reference(&p);
    run(&p);
    double e = error(p.out.data, NULL, p.q_width, p.q_width, n, p.ref[0]);
    ck_assert_msg(e < limit, "out is off by %g", e);
    for (int i = 0; i < 3 + p.s.sinks; i++) {
        const struct tr_tensor *t = input(&p, i);
        const float *b = before + (t->grad - p.grad_memory);
        e = error(t->grad, b, t->ld, tr_tensor_cols(t), tr_tensor_rows(t), p.ref[i + 1]);
        ck_assert_msg(e < limit, "d%c is off by %g", "qkvs"[i], e);
    }
    free(before);
    problem_release(&p);
}

START_TEST(matches_reference)
{
    compare_with_reference(&shapes[_i], 0);
}
END_TEST

START_TEST(matches_reference_nearly_in_bf16)
{
    compare_with_reference(&shapes[_i], 1);
}
END_TEST

/* The last rows of each problem as queries of their own over all keys: generating. */
START_TEST(cached_keys)
{
    struct problem p;
    problem_init(&p, &shapes[_i]);
    reference(&p);
    for (int64_t rows = 1; rows < p.s.n; rows = 3 * rows + 1) {
        int64_t first = p.s.n - rows;
        struct args args = { options(&p), p.pos + first };
        struct tr_tensor q = p.q, out = p.out;
        q.data = (float *)p.q.data + first * p.q.ld;
        q.dim[0] = out.dim[0] = rows;
        struct tr_node nd = { .op = &tr__op_attention,
                              .in = { &q, &p.k, &p.v, p.s.sinks ? &p.sinks : NULL },
                              .out = &out, .args = &args };
        nd.op->forward(&nd);
        double e = error(out.data, NULL, p.q_width, p.q_width, rows,
                         p.ref[0] + first * p.q_width);
        ck_assert_msg(e < rounding(&p.s), "the last %d rows are off by %g", (int)rows, e);
    }
    problem_release(&p);
}
END_TEST

/* The bits depend neither on the number of threads nor on who takes which task. */
START_TEST(threads_do_not_matter)
{
    float *result[4];
    int64_t all = 0;
    for (int i = 0; i < 4; i++) {
        struct problem p;
        problem_init(&p, &shapes[_i]);
        all = numbers(&p);
        omp_set_num_threads(i + 1);
        run(&p);
        result[i] = p.grad_memory;
        p.grad_memory = NULL;
        problem_release(&p);
    }
    for (int i = 1; i < 4; i++)
        ck_assert_int_eq(memcmp(result[0], result[i], (size_t)all * sizeof(float)), 0);
    for (int i = 0; i < 4; i++)
        free(result[i]);
}
END_TEST

/* A gradient nobody wants is not touched and does not change the others. */
START_TEST(wanted_gradients_only)
{
    for (int mask = 0; mask < (shapes[_i].sinks ? 16 : 8); mask++) {
        struct problem p, full;
        problem_init(&p, &shapes[_i]);
        problem_init(&full, &shapes[_i]);
        for (int i = 0; i < 4; i++)
            if (!(mask & 1 << i))
                input(&p, i)->grad = NULL;
        run(&p);
        run(&full);
        for (int i = 0; i < 4; i++) {
            const struct tr_tensor *t = input(&p, i), *u = input(&full, i);
            for (int64_t j = 0; t->grad && j < tr_tensor_rows(t); j++)
                MUST(!memcmp(t->grad + j * t->ld, u->grad + j * u->ld,
                             (size_t)tr_tensor_cols(u) * sizeof(float)));
        }
        problem_release(&p);
        problem_release(&full);
    }
}
END_TEST

/* Through the tape, in evaluation and with full recompute. */
START_TEST(runs_on_a_tape)
{
    struct problem p;
    problem_init(&p, &shapes[_i]);
    run(&p);
    struct tr_attention opt = options(&p);
    opt.sinks = p.s.sinks ? &p.sinks : NULL;
    for (int mode = 0; mode < 2; mode++) {
        struct tr_tape_plan plan = { 0 };
        for (int planning = 1; planning >= 0; planning--) {
            enum tr_tape_mode m = mode ? TR_TAPE_EVAL : TR_TAPE_TRAIN;
            struct tr_tape *tp = planning
                                     ? tr_tape_new_planning(m, TR_RECOMPUTE_ALL, NULL)
                                     : tr_tape_new(m, TR_RECOMPUTE_ALL, &plan, NULL);
            ck_assert_ptr_nonnull(tp);
            tr_segment_begin(tp);
            struct tr_tensor *y = tr_attention(tp, &p.q, &p.k, &p.v, p.pos, &opt);
            y = tr_segment_end(tp, y);
            if (!planning)
                ck_assert_int_eq(memcmp(y->data, p.out.data,
                                        (size_t)tr_tensor_count(y) * sizeof(float)),
                                 0);
            plan = tr_tape_plan(tp);
            tr_tape_free(tp);
        }
    }
    problem_release(&p);
}
END_TEST

/* Scores may be anything: the sink alone decides, or it has no part. */
START_TEST(far_sinks)
{
    struct problem p, none;
    problem_init(&p, &shapes[_i]);
    problem_init(&none, &shapes[_i]);
    none.s.sinks = 0;
    for (int h = 0; h < p.s.n_head; h++)
        ((float *)p.sinks.data)[h] = h % 2 ? -INFINITY : 200;
    run(&p);
    run(&none);
    for (int64_t t = 0; t < p.s.n; t++)
        for (int h = 0; h < p.s.n_head; h++) {
            const float *y = at(&p.out, t, h * p.s.head_dim);
            const float *z = at(&none.out, t, h * p.s.head_dim);
            for (int d = 0; d < p.s.head_dim; d++)
                MUST(h % 2 ? y[d] == z[d] : fabsf(y[d]) < 1e-30f);
        }
    problem_release(&p);
    problem_release(&none);
}
END_TEST

/* Documents of random lengths, some of them much longer than others. */
START_TEST(plans_stay_within_their_bound)
{
    enum { N = 2100 };
    static int32_t pos[N];
    struct tr_rng rng = tr_rng_init((uint64_t)_i, 0);
    for (int round = 0; round < 200; round++) {
        int64_t n = 1 + (int64_t)tr_rng_below(&rng, N), longest = 0;
        uint64_t most = 1 + tr_rng_below(&rng, (uint64_t)n);
        int window = tr_rng_below(&rng, 2) ? 0 : 1 + (int)tr_rng_below(&rng, 300);
        for (int64_t t = 0; t < n;) {
            int64_t length = 1 + (int64_t)tr_rng_below(&rng, tr_rng_below(&rng, most) + 1);
            longest = length > longest ? length : longest;
            for (int64_t i = 0; i < length && t < n; i++)
                pos[t++] = (int32_t)i;
        }
        for (int n_head_kv = 1; n_head_kv < 30; n_head_kv++) {
            struct tr__att_bound bound = tr__att_bound(n, longest, n_head_kv);
            struct tr_arena a;
            ck_assert_int_eq(tr_arena_init(&a, "a test", bound.bytes, NULL), 0);
            struct tr__att_plan plan = tr__att_plan(&a, pos, n, window, n_head_kv);
            ck_assert_int_le(plan.max_rows, bound.max_rows);
            ck_assert_int_le(plan.shared_rows, bound.shared_rows);
            tr_arena_release(&a);
        }
    }
}
END_TEST

int main(void)
{
    int n = (int)(sizeof shapes / sizeof *shapes);
    Suite *suite = suite_create("attention");
    TCase *tc = tcase_create("attention");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, matches_reference, 0, n);
    tcase_add_loop_test(tc, matches_reference_nearly_in_bf16, 0, n);
    tcase_add_loop_test(tc, cached_keys, 1, n);
    tcase_add_loop_test(tc, threads_do_not_matter, 9, n);
    tcase_add_loop_test(tc, wanted_gradients_only, 15, 20);
    tcase_add_loop_test(tc, wanted_gradients_only, N_PLAIN, N_PLAIN + 2);
    tcase_add_loop_test(tc, far_sinks, N_PLAIN, n);
    tcase_add_loop_test(tc, runs_on_a_tape, 11, 14);
    tcase_add_loop_test(tc, runs_on_a_tape, N_PLAIN, N_PLAIN + 2);
    tcase_add_loop_test(tc, plans_stay_within_their_bound, 0, 4);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
