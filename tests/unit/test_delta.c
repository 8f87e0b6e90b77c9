/* SPDX-License-Identifier: MIT
 *
 * tr_delta_rule against the rule itself in f64, one position after the other, with its
 * derivative written out.  The scratch arena has exactly the size that the op announces.
 */
#include "suite.h"

#include <libtrain/op.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

extern const struct tr_op tr__op_delta_rule;

struct args { /* as in ops/delta_job.h */
    struct tr_delta_rule opt;
    const int32_t *pos;
};

enum { Q, K, V, G, BETA, N_IN };

/* Positions, heads of keys and values, their numbers, mean decay, lengths of documents
 * (what is left of n are rows of padding, position 0), whether q, k, v are columns of one
 * array. */
static const struct shape {
    int n, n_head_k, n_head_v, head_k, head_v;
    float decay;
    int document[8];
    int fused;
} shapes[] = {
    { 1, 1, 1, 16, 16, 0.1f, { 1 }, 0 },
    { 2, 1, 2, 4, 6, 0.1f, { 2 }, 1 },
    { 17, 2, 2, 8, 16, 0.5f, { 17 }, 0 },
    { 63, 1, 1, 16, 32, 0.1f, { 63 }, 1 },
    { 64, 2, 4, 16, 16, 0.1f, { 64 }, 0 },
    { 65, 1, 2, 32, 16, 0.1f, { 65 }, 1 },
    { 130, 1, 1, 64, 64, 0.02f, { 130 }, 0 },
    { 200, 1, 1, 128, 128, 0.01f, { 200 }, 1 },
    { 300, 2, 4, 16, 16, 0.001f, { 300 }, 1 },
    { 300, 1, 1, 16, 16, 30.0f, { 300 }, 0 },
    { 300, 2, 2, 16, 20, 0.1f, { 1, 1, 3, 90, 5, 2, 140 }, 1 },
    { 300, 1, 3, 16, 16, 0.1f, { 64, 128, 65 }, 0 },
    { 70, 2, 2, 8, 8, 0.1f, { 0 }, 0 },
};
enum { N_SHAPE = sizeof shapes / sizeof *shapes };
static const float EPS = 1e-6f;

struct problem {
    struct shape s;
    int64_t width[N_IN];
    float *memory, *grad_memory; /* behind the inputs, `all` numbers each */
    int64_t all;
    struct tr_tensor in[N_IN], out;
    int32_t *pos;
    double *ref_out, *ref[N_IN]; /* contiguous */
};

static void set_positions(struct problem *p)
{
    p->pos = calloc((size_t)p->s.n, sizeof *p->pos);
    int t = 0;
    for (int i = 0; i < 8 && p->s.document[i]; i++)
        for (int j = 0; j < p->s.document[i]; j++)
            p->pos[t++] = j;
    ck_assert_int_le(t, p->s.n);
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

static void problem_init(struct problem *p, const struct shape *s)
{
    memset(p, 0, sizeof *p);
    p->s = *s;
    struct tr_rng rng = tr_rng_init(1, (uint64_t)s->n);
    int64_t n = s->n, kw = s->n_head_k * s->head_k, vw = s->n_head_v * s->head_v, at = 0;
    memcpy(p->width, (int64_t[]){ kw, kw, vw, s->n_head_v, s->n_head_v }, sizeof p->width);
    p->all = n * (2 * kw + vw + 2 * s->n_head_v);
    p->memory = malloc((size_t)p->all * sizeof(float));
    p->grad_memory = malloc((size_t)p->all * sizeof(float));
    for (int64_t i = 0; i < p->all; i++) {
        p->memory[i] = tr_rng_normal(&rng);
        p->grad_memory[i] = tr_rng_normal(&rng); /* gradients are added to */
    }
    for (int i = 0; i < N_IN; i++) {
        at = i == G && s->fused ? n * (2 * kw + vw) : at;
        p->in[i] = view(p, at, p->width[i], i <= V && s->fused ? 2 * kw + vw : p->width[i]);
        p->ref[i] = calloc((size_t)(n * p->width[i]), sizeof(double));
        at += i < V && s->fused ? p->width[i] : n * p->width[i];
    }
    for (int64_t i = 0; i < n * s->n_head_v; i++) {
        float *g = p->in[G].data, *b = p->in[BETA].data;
        g[i] = -s->decay * g[i] * g[i];
        b[i] = 1 / (1 + expf(-b[i]));
    }
    p->out = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ n, vw },
                            calloc((size_t)(n * vw), sizeof(float)));
    p->out.grad = malloc((size_t)(n * vw) * sizeof(float));
    for (int64_t i = 0; i < n * vw; i++)
        p->out.grad[i] = tr_rng_normal(&rng);
    p->ref_out = calloc((size_t)(n * vw), sizeof(double));
    set_positions(p);
}

static void problem_release(struct problem *p)
{
    free(p->memory);
    free(p->grad_memory);
    free(p->out.data);
    free(p->out.grad);
    free(p->pos);
    free(p->ref_out);
    for (int i = 0; i < N_IN; i++)
        free(p->ref[i]);
}

static struct tr_delta_rule options(const struct shape *s)
{
    return (struct tr_delta_rule){ .n_head_k = s->n_head_k, .n_head_v = s->n_head_v,
                                   .head_k = s->head_k, .head_v = s->head_v, .eps = EPS,
                                   .scale = (float)(1 / sqrt(s->head_k)) };
}

/* ---- the rule in f64 ---------------------------------------------------------------- */

/* One row of one head, w = v - S^T k, and the gradients of q and k. */
struct row {
    double q[128], k[128], w[128], dq[128], dk[128];
    double q_norm, k_norm, g, beta, scale;
};

static double load_normed(const struct problem *p, int i_in, int64_t t, int head,
                          double *to)
{
    int d_k = p->s.head_k;
    const float *x = (const float *)p->in[i_in].data + t * p->in[i_in].ld +
                     head % p->s.n_head_k * d_k;
    double sum = (double)EPS;
    for (int d = 0; d < d_k; d++)
        sum += (double)x[d] * (double)x[d];
    for (int d = 0; d < d_k; d++)
        to[d] = (double)x[d] / sqrt(sum);
    return sqrt(sum);
}

/* before: the state that row t finds. */
static struct row load_row(const struct problem *p, int64_t t, int h, const double *before)
{
    struct row r = { .scale = (double)options(&p->s).scale };
    int d_k = p->s.head_k, d_v = p->s.head_v;
    const float *v = (const float *)p->in[V].data + t * p->in[V].ld + h * d_v;
    r.q_norm = load_normed(p, Q, t, h, r.q);
    r.k_norm = load_normed(p, K, t, h, r.k);
    r.g = (double)((const float *)p->in[G].data)[t * p->width[G] + h];
    r.beta = (double)((const float *)p->in[BETA].data)[t * p->width[BETA] + h];
    for (int j = 0; j < d_v; j++) {
        r.w[j] = (double)v[j];
        for (int i = 0; i < d_k; i++)
            r.w[j] -= exp(r.g) * before[i * d_v + j] * r.k[i];
    }
    return r;
}

static void step(struct problem *p, int64_t t, int h, const double *before, double *s)
{
    int d_k = p->s.head_k, d_v = p->s.head_v;
    struct row r = load_row(p, t, h, before);
    double *out = p->ref_out + t * p->width[V] + h * d_v;
    for (int i = 0; i < d_k; i++)
        for (int j = 0; j < d_v; j++) {
            s[i * d_v + j] = exp(r.g) * before[i * d_v + j] + r.beta * r.k[i] * r.w[j];
            out[j] += r.scale * s[i * d_v + j] * r.q[i];
        }
}

/* x = r / norm:  dr = (dx - x (x dx)) / norm */
static void norm_back(const struct problem *p, int i_in, int64_t t, int head, double norm,
                      const double *x, const double *dx)
{
    int d_k = p->s.head_k;
    double *to = p->ref[i_in] + t * p->width[i_in] + head % p->s.n_head_k * d_k, along = 0;
    for (int d = 0; d < d_k; d++)
        along += x[d] * dx[d];
    for (int d = 0; d < d_k; d++)
        to[d] += (dx[d] - x[d] * along) / norm;
}

/* ds, the gradient of the state behind row t, becomes that of the state before. */
static void step_back(struct problem *p, int64_t t, int h, const double *before,
                      const double *s, double *ds)
{
    int d_k = p->s.head_k, d_v = p->s.head_v;
    struct row r = load_row(p, t, h, before);
    const float *dout = p->out.grad + t * p->width[V] + h * d_v;
    double *dg = &p->ref[G][t * p->width[G] + h];
    double *db = &p->ref[BETA][t * p->width[BETA] + h];
    for (int j = 0; j < d_v; j++) {
        double dw = 0;
        for (int i = 0; i < d_k; i++) {
            r.dq[i] += r.scale * s[i * d_v + j] * (double)dout[j];
            ds[i * d_v + j] += r.scale * r.q[i] * (double)dout[j];
            *db += r.k[i] * ds[i * d_v + j] * r.w[j];
            r.dk[i] += r.beta * ds[i * d_v + j] * r.w[j];
            dw += r.beta * ds[i * d_v + j] * r.k[i];
        }
        p->ref[V][t * p->width[V] + h * d_v + j] += dw;
        for (int i = 0; i < d_k; i++) {
            double old = exp(r.g) * before[i * d_v + j];
            r.dk[i] -= old * dw;
            ds[i * d_v + j] -= r.k[i] * dw;
            *dg += old * ds[i * d_v + j];
            ds[i * d_v + j] *= exp(r.g);
        }
    }
    norm_back(p, Q, t, h, r.q_norm, r.q, r.dq);
    norm_back(p, K, t, h, r.k_norm, r.k, r.dk);
}

static void reference(struct problem *p)
{
    int64_t size = p->s.head_k * p->s.head_v, n = p->s.n;
    double *states = malloc((size_t)((n + 1) * size) * sizeof *states);
    double *zero = calloc((size_t)size, sizeof *zero);
    double *ds = calloc((size_t)size, sizeof *ds);
    for (int h = 0; h < p->s.n_head_v; h++) {
        for (int64_t t = 0; t < n; t++)
            step(p, t, h, p->pos[t] ? states + t * size : zero, states + (t + 1) * size);
        for (int64_t t = n - 1; t >= 0; t--) {
            if (t + 1 == n || !p->pos[t + 1])
                memset(ds, 0, (size_t)size * sizeof *ds);
            step_back(p, t, h, p->pos[t] ? states + t * size : zero,
                      states + (t + 1) * size, ds);
        }
    }
    free(states);
    free(zero);
    free(ds);
}

/* ---- the operation ------------------------------------------------------------------ */

static struct tr_node node_of(struct problem *p, struct args *args,
                              struct tr_arena *scratch)
{
    *args = (struct args){ options(&p->s), p->pos };
    struct tr_node nd = { .op = &tr__op_delta_rule, .out = &p->out, .args = args,
                          .scratch = scratch, .with_grad = 1 };
    for (int i = 0; i < N_IN; i++)
        nd.in[i] = &p->in[i];
    return nd;
}

static void run(struct problem *p)
{
    struct args args;
    struct tr_arena scratch;
    struct tr_node nd = node_of(p, &args, &scratch);
    for (int backward = 0; backward < 2; backward++) {
        size_t bytes = nd.op->scratch(&nd, backward);
        ck_assert_int_eq(tr_arena_init(&scratch, "a test", bytes, NULL), 0);
        (backward ? nd.op->backward : nd.op->forward)(&nd);
        ck_assert_uint_eq(scratch.used, 0);
        ck_assert_msg(!scratch.err.code, "%s", scratch.err.text);
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
            ck_assert_msg(e == e, "not a number in row %d", (int)i);
            num += e * e;
            den += ref[i * width + j] * ref[i * width + j];
        }
    return sqrt(num / den);
}

START_TEST(matches_reference)
{
    static const char *const names[] = { "q", "k", "v", "g", "beta" };
    struct problem p;
    problem_init(&p, &shapes[_i]);
    float *before = malloc((size_t)p.all * sizeof *before);
    memcpy(before, p.grad_memory, (size_t)p.all * sizeof *before);
    reference(&p);
    run(&p);
    double e = error(p.out.data, NULL, p.width[V], p.width[V], p.s.n, p.ref_out);
    ck_assert_msg(e < 8e-7, "out is off by %g", e);
    for (int i = 0; i < N_IN; i++) {
        const struct tr_tensor *t = &p.in[i];
        e = error(t->grad, before + (t->grad - p.grad_memory), t->ld, p.width[i], p.s.n,
                  p.ref[i]);
        ck_assert_msg(e < 2e-6, "d%s is off by %g", names[i], e);
    }
    free(before);
    problem_release(&p);
}
END_TEST

/* The bits depend neither on the number of threads nor on who takes which task. */
START_TEST(threads_do_not_matter)
{
    struct problem p[4];
    for (int i = 0; i < 4; i++) {
        problem_init(&p[i], &shapes[_i]);
        omp_set_num_threads(i + 1);
        run(&p[i]);
        size_t bytes = (size_t)p[0].all * sizeof(float);
        ck_assert_int_eq(memcmp(p[0].grad_memory, p[i].grad_memory, bytes), 0);
        bytes = (size_t)tr_tensor_count(&p[0].out) * sizeof(float);
        ck_assert_int_eq(memcmp(p[0].out.data, p[i].out.data, bytes), 0);
    }
    for (int i = 0; i < 4; i++)
        problem_release(&p[i]);
}
END_TEST

static void expect_same_rows(const struct tr_tensor *a, const struct tr_tensor *b,
                             int gradients)
{
    for (int64_t i = 0; i < tr_tensor_rows(a); i++) {
        const float *x = (gradients ? a->grad : (float *)a->data) + i * a->ld;
        const float *y = (gradients ? b->grad : (float *)b->data) + i * b->ld;
        ck_assert_int_eq(memcmp(x, y, (size_t)tr_tensor_cols(a) * sizeof *x), 0);
    }
}

/* A gradient nobody wants is not touched and does not change the others. */
START_TEST(wanted_gradients_only)
{
    struct problem full;
    problem_init(&full, &shapes[_i]);
    run(&full);
    for (int mask = 0; mask < 1 << N_IN; mask++) {
        struct problem p;
        problem_init(&p, &shapes[_i]);
        for (int i = 0; i < N_IN; i++)
            p.in[i].grad = mask & 1 << i ? p.in[i].grad : NULL;
        run(&p);
        for (int i = 0; i < N_IN; i++)
            if (mask & 1 << i)
                expect_same_rows(&p.in[i], &full.in[i], 1);
        problem_release(&p);
    }
    problem_release(&full);
}
END_TEST

static struct tr_tensor some_rows(const struct tr_tensor *t, int64_t first, int64_t n)
{
    struct tr_tensor part = *t;
    part.dim[0] = n;
    part.data = (float *)t->data + first * t->ld;
    part.grad = t->grad + first * t->ld;
    return part;
}

/* Rows first … first + n - 1 of whole, with what belongs to it. */
static struct problem part_of(const struct problem *whole, int64_t first, int64_t n)
{
    struct problem p = *whole;
    p.s.n = (int)n;
    p.pos += first;
    p.out = some_rows(&p.out, first, n);
    for (int i = 0; i < N_IN; i++)
        p.in[i] = some_rows(&p.in[i], first, n);
    return p;
}

/* Documents in one batch give the bits that they give apart. */
START_TEST(documents_do_not_meet)
{
    struct problem together, apart;
    problem_init(&together, &shapes[_i]);
    problem_init(&apart, &shapes[_i]);
    run(&together);
    for (int64_t t = 0, n; t < apart.s.n; t += n) {
        for (n = 1; t + n < apart.s.n && apart.pos[t + n];)
            n++;
        struct problem document = part_of(&apart, t, n);
        run(&document);
    }
    expect_same_rows(&together.out, &apart.out, 0);
    for (int i = 0; i < N_IN; i++)
        expect_same_rows(&together.in[i], &apart.in[i], 1);
    problem_release(&together);
    problem_release(&apart);
}
END_TEST

/* Runs of rows one after the other, with a state between them: generating. */
START_TEST(goes_on_from_a_state)
{
    static const int rows[] = { 1, 1, 7, 64, 1, 70 };
    struct problem p;
    problem_init(&p, &shapes[_i]);
    reference(&p);
    size_t count = (size_t)(p.s.n_head_v * p.s.head_k * p.s.head_v);
    float *state = malloc(count * sizeof *state);
    for (size_t i = 0; i < count; i++)
        state[i] = NAN; /* nothing, before the first position */
    int64_t t = 0;
    for (int i = 0; t < p.s.n; i++) {
        int64_t n = t + rows[i % 6] < p.s.n ? rows[i % 6] : p.s.n - t;
        struct problem part = part_of(&p, t, n);
        struct args args;
        struct tr_arena scratch;
        struct tr_node nd = node_of(&part, &args, &scratch);
        args.opt.state = state;
        size_t bytes = nd.op->scratch(&nd, 0);
        ck_assert_int_eq(tr_arena_init(&scratch, "a test", bytes, NULL), 0);
        nd.op->forward(&nd);
        ck_assert_msg(!scratch.err.code, "%s", scratch.err.text);
        tr_arena_release(&scratch);
        t += n;
    }
    double e = error(p.out.data, NULL, p.width[V], p.width[V], p.s.n, p.ref_out);
    ck_assert_msg(e < 8e-7, "out is off by %g", e);
    free(state);
    problem_release(&p);
}
END_TEST

static struct tr_tensor *on_tape(struct tr_tape *tp, struct problem *p)
{
    struct tr_delta_rule opt = options(&p->s);
    tr_segment_begin(tp);
    return tr_segment_end(tp, tr_delta_rule(tp, &p->in[Q], &p->in[K], &p->in[V], &p->in[G],
                                            &p->in[BETA], p->pos, &opt));
}

/* Through the tape, in evaluation and with full recompute. */
START_TEST(runs_on_a_tape)
{
    struct problem p;
    problem_init(&p, &shapes[_i]);
    run(&p);
    for (int mode = 0; mode < 2; mode++) {
        enum tr_tape_mode m = mode ? TR_TAPE_EVAL : TR_TAPE_TRAIN;
        struct tr_tape *tp = tr_tape_new_planning(m, TR_RECOMPUTE_ALL, NULL);
        ck_assert_ptr_nonnull(tp);
        on_tape(tp, &p);
        struct tr_tape_plan plan = tr_tape_plan(tp);
        tr_tape_free(tp);
        tp = tr_tape_new(m, TR_RECOMPUTE_ALL, &plan, NULL);
        ck_assert_ptr_nonnull(tp);
        expect_same_rows(on_tape(tp, &p), &p.out, 0);
        tr_tape_free(tp);
    }
    problem_release(&p);
}
END_TEST

/* Positions that no document has. */
START_TEST(refuses_positions)
{
    static const struct {
        int32_t pos[3];
        const char *text;
    } bad[] = { { { 1, 2, 3 }, "position 1 in row 0" },
                { { 0, 2, 3 }, "position 2 in row 1" },
                { { 0, 1, -1 }, "position -1 in row 2" } };
    struct problem p;
    problem_init(&p, &(struct shape){ 3, 1, 1, 16, 16, 0.1f, { 3 }, 0 });
    memcpy(p.pos, bad[_i].pos, sizeof bad[_i].pos);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, NULL, NULL);
    struct tr_err err = { 0 };
    on_tape(tp, &p);
    ck_assert_int_eq(tr_tape_error(tp, &err), TR_EMISMATCH);
    ck_assert_msg(strstr(err.text, bad[_i].text) != NULL, "%s", err.text);
    tr_tape_free(tp);
    problem_release(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("delta");
    TCase *tc = tcase_create("delta");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, matches_reference, 0, N_SHAPE);
    tcase_add_loop_test(tc, threads_do_not_matter, 8, N_SHAPE);
    tcase_add_loop_test(tc, wanted_gradients_only, 10, 11);
    tcase_add_loop_test(tc, documents_do_not_meet, 10, N_SHAPE);
    tcase_add_loop_test(tc, goes_on_from_a_state, 0, N_SHAPE);
    tcase_add_loop_test(tc, runs_on_a_tape, 9, 11);
    tcase_add_loop_test(tc, refuses_positions, 0, 3);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
