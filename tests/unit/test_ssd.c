/* SPDX-License-Identifier: MIT
 *
 * tr_ssd against its recurrence in f64, one position after the other, with its derivative
 * written out.  The scratch arena has exactly the size that the op announces.
 */
#include "sanitized.h"
#include "suite.h"

#include <libtrain/op.h>
#include <libtrain/ops.h>
#include <libtrain/rng.h>

#include <check.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

extern const struct tr_op tr__op_ssd;

struct args { /* as in ops/ssd_job.h */
    struct tr_ssd opt;
    const int32_t *pos;
};

enum { X, B, C, DT, A, D, N_IN };

/* Positions, heads, groups, their numbers, mean of dt, lengths of documents (what is left
 * of n are rows of padding, position 0), whether x, b, c are columns of one array. */
static const struct shape {
    int n;
    struct tr_ssd opt;
    float dt;
    int document[8];
    int fused;
} shapes[] = {
    { 1, { 1, 1, 16, 16, NULL }, 0.1f, { 1 }, 0 },
    { 2, { 2, 1, 6, 4, NULL }, 0.1f, { 2 }, 1 },
    { 17, { 2, 2, 16, 8, NULL }, 0.5f, { 17 }, 0 },
    { 63, { 1, 1, 32, 16, NULL }, 0.1f, { 63 }, 1 },
    { 64, { 4, 2, 16, 16, NULL }, 0.1f, { 64 }, 0 },
    { 65, { 2, 1, 16, 32, NULL }, 0.1f, { 65 }, 1 },
    { 130, { 1, 1, 64, 64, NULL }, 0.02f, { 130 }, 0 },
    { 200, { 2, 1, 64, 128, NULL }, 0.01f, { 200 }, 1 },
    { 300, { 4, 2, 16, 16, NULL }, 0.001f, { 300 }, 1 },
    { 300, { 1, 1, 16, 16, NULL }, 30.0f, { 300 }, 0 },
    { 300, { 6, 2, 20, 16, NULL }, 0.1f, { 1, 1, 3, 90, 5, 2, 140 }, 1 },
    { 300, { 3, 1, 16, 16, NULL }, 0.1f, { 64, 128, 65 }, 0 },
    { 70, { 2, 2, 8, 8, NULL }, 0.1f, { 0 }, 0 },
    { 40, { 19, 1, 4, 6, NULL }, 0.1f, { 40 }, 1 },   /* more heads than parts */
    { 40, { 36, 18, 4, 6, NULL }, 0.1f, { 40 }, 1 },  /* more groups than parts */
};
enum { N_SHAPE = sizeof shapes / sizeof *shapes };

struct problem {
    struct shape s;
    int64_t rows[N_IN], width[N_IN];
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

static void view(struct problem *p, int i, int64_t offset, int64_t ld)
{
    int64_t dim[] = { p->rows[i], p->width[i] };
    p->in[i] = tr_tensor_make(NULL, &tr_f32, 2, dim, p->memory + offset);
    p->in[i].ld = ld;
    p->in[i].grad = p->grad_memory + offset;
    p->in[i].needs_grad = 1;
    p->ref[i] = calloc((size_t)(dim[0] * dim[1]), sizeof(double));
}

/* dt and a in the range that a model has. */
static void set_signs(struct problem *p)
{
    float *dt = p->in[DT].data, *a = p->in[A].data;
    for (int64_t i = 0; i < p->rows[DT] * p->width[DT]; i++)
        dt[i] = p->s.dt * dt[i] * dt[i];
    for (int64_t i = 0; i < p->rows[A] * p->width[A]; i++)
        a[i] = -fabsf(a[i]);
}

static void set_shapes(struct problem *p)
{
    const struct tr_ssd *o = &p->s.opt;
    int64_t n = p->s.n, bc = o->n_group * o->d_state;
    int64_t width[] = { o->n_head * o->d_head, bc, bc, o->n_head, 1, o->n_head };
    for (int i = 0; i < N_IN; i++) {
        p->width[i] = width[i];
        p->rows[i] = i < A ? n : i == A ? o->n_head : 1;
        p->all += p->rows[i] * p->width[i];
    }
}

static void problem_init(struct problem *p, const struct shape *s)
{
    memset(p, 0, sizeof *p);
    p->s = *s;
    set_shapes(p);
    struct tr_rng rng = tr_rng_init(1, (uint64_t)s->n);
    p->memory = malloc((size_t)p->all * sizeof(float));
    p->grad_memory = malloc((size_t)p->all * sizeof(float));
    for (int64_t i = 0; i < p->all; i++) {
        p->memory[i] = tr_rng_normal(&rng);
        p->grad_memory[i] = 0x1p-10f * tr_rng_normal(&rng); /* gradients are added to */
    }
    int64_t side = p->width[X] + p->width[B] + p->width[C], at = 0, all = 0;
    for (int i = 0; i < N_IN; i++) {
        view(p, i, s->fused && i <= C ? at : all, s->fused && i <= C ? side : p->width[i]);
        at += p->width[i];
        all += p->rows[i] * p->width[i];
    }
    set_signs(p);
    int64_t dim[] = { s->n, p->width[X] }, count = dim[0] * dim[1];
    p->out = tr_tensor_make(NULL, &tr_f32, 2, dim, calloc((size_t)count, sizeof(float)));
    p->out.grad = malloc((size_t)count * sizeof(float));
    for (int64_t i = 0; i < count; i++)
        p->out.grad[i] = tr_rng_normal(&rng);
    p->ref_out = calloc((size_t)count, sizeof(double));
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

/* ---- the recurrence in f64 ---------------------------------------------------------- */

/* One row of one head: where its numbers are, and the gradients they get. */
struct row {
    const float *x, *b, *c, *dy;
    double *dx, *db, *dc, *ddt, *da, *dd, *y;
    double dt, a, d, decay;
};

static struct row row_at(const struct problem *p, int64_t t, int h)
{
    const struct tr_ssd *o = &p->s.opt;
    int64_t x = h * o->d_head, g = h / (o->n_head / o->n_group) * o->d_state;
    struct row r = {
        .x = (const float *)p->in[X].data + t * p->in[X].ld + x,
        .b = (const float *)p->in[B].data + t * p->in[B].ld + g,
        .c = (const float *)p->in[C].data + t * p->in[C].ld + g,
        .dy = p->out.grad + t * p->width[X] + x,
        .y = p->ref_out + t * p->width[X] + x,   .dx = p->ref[X] + t * p->width[X] + x,
        .db = p->ref[B] + t * p->width[B] + g,   .dc = p->ref[C] + t * p->width[C] + g,
        .ddt = p->ref[DT] + t * p->width[DT] + h, .da = p->ref[A] + h,
        .dd = p->ref[D] + h,
        .dt = (double)((const float *)p->in[DT].data)[t * p->width[DT] + h],
        .a = (double)((const float *)p->in[A].data)[h],
        .d = (double)((const float *)p->in[D].data)[h],
    };
    r.decay = exp(r.dt * r.a);
    return r;
}

static void step(const struct problem *p, const struct row *r, const double *before,
                 double *s)
{
    int n = p->s.opt.d_state, width = p->s.opt.d_head;
    for (int j = 0; j < width; j++) {
        r->y[j] = r->d * (double)r->x[j];
        for (int i = 0; i < n; i++) {
            int k = i * width + j;
            s[k] = r->decay * before[k] + r->dt * (double)r->b[i] * (double)r->x[j];
            r->y[j] += s[k] * (double)r->c[i];
        }
    }
}

/* ds, the gradient of the state behind the row, becomes that of the state before. */
static void step_back(const struct problem *p, const struct row *r, const double *before,
                      const double *s, double *ds)
{
    int n = p->s.opt.d_state, width = p->s.opt.d_head;
    double dg = 0;
    for (int j = 0; j < width; j++) {
        double dy = (double)r->dy[j], x = (double)r->x[j];
        *r->dd += dy * x;
        r->dx[j] += dy * r->d;
        for (int i = 0; i < n; i++) {
            int k = i * width + j;
            r->dc[i] += s[k] * dy;
            ds[k] += dy * (double)r->c[i];
            r->dx[j] += r->dt * (double)r->b[i] * ds[k];
            r->db[i] += r->dt * x * ds[k];
            *r->ddt += (double)r->b[i] * x * ds[k];
            ds[k] *= r->decay;
            dg += ds[k] * before[k];
        }
    }
    *r->ddt += dg * r->a;
    *r->da += dg * r->dt;
}

static void reference(struct problem *p)
{
    int64_t size = p->s.opt.d_state * p->s.opt.d_head, n = p->s.n;
    double *states = malloc((size_t)((n + 1) * size) * sizeof *states);
    double *zero = calloc((size_t)size, sizeof *zero);
    double *ds = calloc((size_t)size, sizeof *ds);
    for (int h = 0; h < p->s.opt.n_head; h++) {
        for (int64_t t = 0; t < n; t++) {
            struct row r = row_at(p, t, h);
            step(p, &r, p->pos[t] ? states + t * size : zero, states + (t + 1) * size);
        }
        for (int64_t t = n - 1; t >= 0; t--) {
            struct row r = row_at(p, t, h);
            if (t + 1 == n || !p->pos[t + 1])
                memset(ds, 0, (size_t)size * sizeof *ds);
            step_back(p, &r, p->pos[t] ? states + t * size : zero, states + (t + 1) * size,
                      ds);
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
    *args = (struct args){ p->s.opt, p->pos };
    struct tr_node nd = { .op = &tr__op_ssd, .out = &p->out, .args = args,
                          .scratch = scratch, .with_grad = 1 };
    for (int i = 0; i < N_IN; i++)
        nd.in[i] = &p->in[i];
    return nd;
}

static void run_pass(struct tr_node *nd, int backward)
{
    size_t bytes = nd->op->scratch(nd, backward);
    ck_assert_int_eq(tr_arena_init(nd->scratch, "a test", bytes, NULL), 0);
    (backward ? nd->op->backward : nd->op->forward)(nd);
    ck_assert_uint_eq(nd->scratch->used, 0);
    if (!SANITIZED) /* then there are gaps between arrays */
        ck_assert_uint_eq(nd->scratch->peak, bytes);
    ck_assert_msg(!nd->scratch->err.code, "%s", nd->scratch->err.text);
    tr_arena_release(nd->scratch);
}

static void run(struct problem *p)
{
    struct args args;
    struct tr_arena scratch;
    struct tr_node nd = node_of(p, &args, &scratch);
    run_pass(&nd, 0);
    run_pass(&nd, 1);
}

/* |x - before - ref| / |ref| over all numbers; `before` may be NULL. */
static double error(const float *x, const float *before, const struct tr_tensor *like,
                    const double *ref)
{
    double num = 0, den = 1e-30;
    int64_t n = tr_tensor_rows(like), width = tr_tensor_cols(like);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) {
            int64_t at = i * like->ld + j;
            double r = ref[i * width + j] + (before ? (double)before[at] : 0);
            double e = (double)x[at] - r;
            ck_assert_msg(e == e, "not a number in row %d", (int)i);
            num += e * e;
            den += ref[i * width + j] * ref[i * width + j];
        }
    return sqrt(num / den);
}

START_TEST(matches_reference)
{
    static const char *const names[] = { "x", "b", "c", "dt", "a", "d" };
    struct problem p;
    problem_init(&p, &shapes[_i]);
    float *before = malloc((size_t)p.all * sizeof *before);
    memcpy(before, p.grad_memory, (size_t)p.all * sizeof *before);
    reference(&p);
    run(&p);
    double e = error(p.out.data, NULL, &p.out, p.ref_out);
    ck_assert_msg(e < 8e-7, "out is off by %g", e);
    for (int i = 0; i < N_IN; i++) {
        const struct tr_tensor *t = &p.in[i];
        e = error(t->grad, before + (t->grad - p.grad_memory), t, p.ref[i]);
        if (shapes[_i].n == 70 && i == A) /* no state, no decay: zeros */
            e = p.ref[A][0] == 0 && t->grad[0] == before[t->grad - p.grad_memory] ? 0 : 1;
        /* a's are few numbers, of many terms of either sign */
        ck_assert_msg(e < (i == A ? 4e-6 : 1e-6), "d%s is off by %g", names[i], e);
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
    for (int i = 0; i < A; i++)
        p.in[i] = some_rows(&p.in[i], first, n);
    return p;
}

/* Documents in one batch give the bits that they give apart, but for sums over rows. */
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
    for (int i = 0; i < A; i++)
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
    const struct tr_ssd *o = &p.s.opt;
    size_t count = (size_t)(o->n_head * o->d_head * o->d_state);
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
        run_pass(&nd, 0);
        t += n;
    }
    double e = error(p.out.data, NULL, &p.out, p.ref_out);
    ck_assert_msg(e < 8e-7, "out is off by %g", e);
    free(state);
    problem_release(&p);
}
END_TEST

static struct tr_tensor *on_tape(struct tr_tape *tp, struct problem *p)
{
    struct tr_tensor *in = p->in;
    tr_segment_begin(tp);
    return tr_segment_end(tp, tr_ssd(tp, &in[X], &in[B], &in[C], &in[DT], &in[A], &in[D],
                                     p->pos, &p->s.opt));
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
    } bad[] = { { { 1, 2, 3 }, "ssd: position 1 in row 0" },
                { { 0, 2, 3 }, "ssd: position 2 in row 1" },
                { { 0, 1, -1 }, "ssd: position -1 in row 2" } };
    struct problem p;
    problem_init(&p, &(struct shape){ 3, { 1, 1, 16, 16, NULL }, 0.1f, { 3 }, 0 });
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
    Suite *suite = suite_create("ssd");
    TCase *tc = tcase_create("ssd");
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
