/* SPDX-License-Identifier: MIT
 *
 * tr_causal_conv against plain sums in f64, in one piece, by documents and from kept rows.
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

extern const struct tr_op tr__op_causal_conv;

struct args { /* as in ops/conv.c */
    const int32_t *pos;
    float *state;
};

/* Rows, columns, taps, distance of rows, whether there is a bias, lengths of documents. */
static const struct shape {
    int n, cols, taps, ld, bias;
    int document[6];
} shapes[] = {
    { 1, 1, 1, 1, 0, { 1 } },        { 1, 70, 4, 70, 1, { 1 } },
    { 5, 3, 8, 4, 1, { 5 } },        { 130, 200, 4, 210, 0, { 130 } },
    { 70, 64, 3, 64, 1, { 1, 2, 3, 60, 4 } }, { 300, 65, 4, 65, 1, { 100, 1, 199 } },
};
enum { N_SHAPE = sizeof shapes / sizeof *shapes, MAX = 300 * 210 };

struct problem {
    struct shape s;
    float x[MAX], w[8 * 210], bias[210], y[MAX]; /* and their gradients */
    float dx[MAX], dw[8 * 210], dbias[210], dy[MAX];
    int32_t pos[300];
    struct tr_tensor in[3], out;
};

static void draw(struct tr_rng *rng, float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = tr_rng_normal(rng);
}

static struct tr_tensor make(int rows, int cols, int ld, float *data, float *grad)
{
    struct tr_tensor t = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ rows, cols }, data);
    t.ld = ld;
    t.grad = grad;
    t.needs_grad = 1;
    return t;
}

static struct problem *new_problem(const struct shape *s)
{
    struct problem *p = calloc(1, sizeof *p);
    struct tr_rng rng = tr_rng_init(1, (uint64_t)s->n);
    float *all[] = { p->x, p->w, p->bias, p->dx, p->dw, p->dbias, p->dy };
    int many[] = { MAX, 8 * 210, 210, MAX, 8 * 210, 210, MAX };
    p->s = *s;
    for (int i = 0; i < 7; i++)
        draw(&rng, all[i], many[i]);
    for (int i = 0, t = 0; i < 6; i++)
        for (int j = 0; j < s->document[i]; j++)
            p->pos[t++] = j;
    p->in[0] = make(s->n, s->cols, s->ld, p->x, p->dx);
    p->in[1] = make(s->cols, s->taps, s->taps, p->w, p->dw);
    p->in[2] = make(1, s->cols, s->cols, p->bias, p->dbias);
    p->out = make(s->n, s->cols, s->ld, p->y, p->dy);
    return p;
}

/* Rows from … end - 1. */
static void run(struct problem *p, int from, int end, float *state, int backward)
{
    struct args args = { p->pos + from, state };
    struct tr_tensor x = p->in[0], out = p->out;
    struct tr_arena scratch;
    tr_arena_init_counting(&scratch);
    struct tr_node nd = { .op = &tr__op_causal_conv,
                          .in = { &x, &p->in[1], p->s.bias ? &p->in[2] : NULL },
                          .out = &out, .args = &args, .scratch = &scratch };
    x.dim[0] = out.dim[0] = end - from;
    x.data = p->x + from * p->s.ld;
    x.grad = p->dx + from * p->s.ld;
    out.data = p->y + from * p->s.ld;
    out.grad = p->dy + from * p->s.ld;
    nd.op->forward(&nd);
    ck_assert_msg(!scratch.err.code, "%s", scratch.err.text);
    if (backward)
        nd.op->backward(&nd);
}

static double at(const float *x, const struct problem *p, int t, int j)
{
    return (double)x[t * p->s.ld + j];
}

static double y_of(const struct problem *p, int t, int j)
{
    double sum = p->s.bias ? (double)p->bias[j] : 0;
    for (int i = 0; i < p->s.taps && i <= p->pos[t]; i++)
        sum += (double)p->w[j * p->s.taps + p->s.taps - 1 - i] * at(p->x, p, t - i, j);
    return sum;
}

static double dx_of(const struct problem *p, int t, int j)
{
    double sum = 0;
    for (int i = 0; i < p->s.taps && t + i < p->s.n; i++)
        if (i <= p->pos[t + i])
            sum += (double)p->w[j * p->s.taps + p->s.taps - 1 - i] * at(p->dy, p, t + i, j);
    return sum;
}

static double dw_of(const struct problem *p, int i, int j)
{
    double sum = 0;
    for (int t = 0; t < p->s.n; t++)
        if (i <= p->pos[t])
            sum += at(p->dy, p, t, j) * at(p->x, p, t - i, j);
    return sum;
}

static void expect(double is, double want, const char *what, int i, int j)
{
    ck_assert_msg(fabs(is - want) < 1e-5 * (1 + fabs(want)),
                  "%s (%d, %d) is %.9g, wanted %.9g", what, i, j, is, want);
}

START_TEST(matches_sums)
{
    struct problem *p = new_problem(&shapes[_i]), *before = new_problem(&shapes[_i]);
    run(p, 0, p->s.n, NULL, 1);
    for (int j = 0; j < p->s.cols; j++) {
        double db = 0;
        for (int t = 0; t < p->s.n; t++) {
            expect(at(p->y, p, t, j), y_of(p, t, j), "y", t, j);
            expect(at(p->dx, p, t, j), at(before->dx, p, t, j) + dx_of(p, t, j), "dx", t, j);
            db += at(p->dy, p, t, j);
        }
        for (int i = 0; i < p->s.taps; i++) {
            int k = j * p->s.taps + p->s.taps - 1 - i;
            expect((double)p->dw[k], (double)before->dw[k] + dw_of(p, i, j), "dw", i, j);
        }
        expect((double)p->dbias[j], (double)before->dbias[j] + (p->s.bias ? db : 0), "db", 0,
               j);
    }
    free(p);
    free(before);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    struct problem *one = new_problem(&shapes[_i]), *three = new_problem(&shapes[_i]);
    omp_set_num_threads(1);
    run(one, 0, one->s.n, NULL, 1);
    omp_set_num_threads(3);
    run(three, 0, one->s.n, NULL, 1);
    ck_assert_mem_eq(one->y, three->y, sizeof one->y);
    ck_assert_mem_eq(one->dx, three->dx, sizeof one->dx);
    ck_assert_mem_eq(one->dw, three->dw, sizeof one->dw);
    ck_assert_mem_eq(one->dbias, three->dbias, sizeof one->dbias);
    free(one);
    free(three);
}
END_TEST

/* Documents by themselves, and pieces of rows behind each other, give the bits of the whole;
 * what is kept in front of a document is not looked at. */
START_TEST(pieces_give_the_whole)
{
    static const int rows[] = { 1, 1, 2, 5, 1, 40 };
    struct problem *whole = new_problem(&shapes[_i]), *p = new_problem(&shapes[_i]);
    float state[7 * 210];
    run(whole, 0, p->s.n, NULL, 0);
    for (int i = 0, t = 0; i < 6 && p->s.document[i]; t += p->s.document[i++])
        run(p, t, t + p->s.document[i], NULL, 0);
    ck_assert_mem_eq(whole->y, p->y, sizeof p->y);
    memset(p->y, 0, sizeof p->y);
    for (int i = 0; i < 7 * 210; i++)
        state[i] = NAN;
    for (int i = 0, t = 0, n; t < p->s.n; t += n, i++) {
        n = t + rows[i % 6] < p->s.n ? rows[i % 6] : p->s.n - t;
        run(p, t, t + n, state, 0);
    }
    ck_assert_mem_eq(whole->y, p->y, sizeof p->y);
    free(whole);
    free(p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *tc = tcase_create("conv");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, matches_sums, 0, N_SHAPE);
    tcase_add_loop_test(tc, threads_do_not_matter, 0, N_SHAPE);
    tcase_add_loop_test(tc, pieces_give_the_whole, 0, N_SHAPE);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
