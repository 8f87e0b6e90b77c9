/* SPDX-License-Identifier: MIT
 *
 * What the operations compute, against plain loops in f64.  Gradients are in
 * test_gradients.c, attention in test_attention.c.
 */
#include "suite.h"
#include "tape_run.h"

#include <libtrain/ops.h>
#include <libtrain/rng.h>
#include <libtrain/threads.h>

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct env {
    struct tr_tensor *(*call)(struct tr_tape *tp, struct env *e);
    struct tr_tensor in[3];
    struct tr_rope rope;
    const int32_t *id, *pos;
    int64_t n;
    float scale, eps;
    int plain;           /* a norm without bias (1), and without weight (2; RMS: 1) */
    const float *weight; /* of the outputs, for gradients */
    double loss;
};

/* What a test has allocated, until its end. */
static void *kept[64];
static struct tr_tape *kept_tape[64];
static int n_kept, n_kept_tape;

static void *keep(size_t bytes)
{
    ck_assert_int_lt(n_kept, 64);
    void *p = malloc(bytes);
    ck_assert_ptr_nonnull(p);
    return kept[n_kept++] = p;
}

static void release_kept(void)
{
    while (n_kept)
        free(kept[--n_kept]);
    while (n_kept_tape)
        tr_tape_free(kept_tape[--n_kept_tape]);
}

static float *numbers(int64_t n, float low, float high)
{
    static uint64_t stream;
    struct tr_rng rng = tr_rng_init(7, stream++);
    float *x = keep((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = low + (high - low) * tr_rng_uniform(&rng);
    return x;
}

static struct tr_tensor matrix(int64_t rows, int64_t cols, float low, float high)
{
    return tr_tensor_make("input", &tr_f32, 2, (int64_t[]){ rows, cols },
                          numbers(rows * cols, low, high));
}

static struct tr_tensor vector(int64_t cols)
{
    return tr_tensor_make("input", &tr_f32, 1, &cols, numbers(cols, -2, 2));
}

static struct tr_tensor packed(const struct tr_dtype *dtype, int64_t rows, int64_t cols)
{
    struct tr_tensor t = matrix(rows, cols, -1, 1);
    void *data = keep((size_t)(rows * cols / dtype->block * dtype->bytes));
    dtype->from_f32(t.data, data, rows * cols);
    t.dtype = dtype;
    t.data = data;
    return t;
}

/* The numbers of t, unpacked. */
static float *unpacked(const struct tr_tensor *t)
{
    float *x = keep((size_t)tr_tensor_count(t) * sizeof *x);
    t->dtype->to_f32(t->data, x, tr_tensor_count(t));
    return x;
}

static struct tr_tensor *run(void *ctx, struct tr_tape *tp)
{
    struct env *e = ctx;
    tr_segment_begin(tp);
    struct tr_tensor *y = tape_copy(tp, e->call(tp, e));
    return tr_segment_end(tp, e->weight ? tape_weigh(tp, y, e->weight, &e->loss) : y);
}

/* The result of the call; lives to the end of the test. */
static const float *compute(struct env *e)
{
    struct tr_tape *tp = tape_planned(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, run, e);
    ck_assert_int_lt(n_kept_tape, 64);
    kept_tape[n_kept_tape++] = tp;
    return run(e, tp)->data;
}

static void assert_close(float got, double want, double tolerance, const char *what,
                         int64_t i)
{
    ck_assert_msg(fabs((double)got - want) <= tolerance,
                  "%s: number %lld is %.9g, not %.9g", what, (long long)i, (double)got,
                  want);
}

/* ---- norms ------------------------------------------------------------------------ */

static struct tr_tensor *rms_norm(struct tr_tape *tp, struct env *e)
{
    return tr_rms_norm(tp, tr_columns(tp, &e->in[0], 1, e->n),
                       e->plain ? NULL : &e->in[1], e->eps);
}

static struct tr_tensor *layer_norm(struct tr_tape *tp, struct env *e)
{
    return tr_layer_norm(tp, tr_columns(tp, &e->in[0], 1, e->n),
                         e->plain == 2 ? NULL : &e->in[1], e->plain ? NULL : &e->in[2],
                         e->eps);
}

struct norm_shape {
    int64_t rows, groups, width;
    float low, high;
};
static const struct norm_shape norm_shapes[] = {
    { 1, 1, 1, -1, 1 },       { 3, 1, 7, -1, 1 },   { 2, 3, 64, -5, 5 },
    { 5, 1, 1000, 100, 101 }, { 130, 2, 33, 0, 1 }, { 2, 1, 4096, -1e-4f, 1e-4f },
};

static void norm_exact(const struct env *e, const float *x, int64_t width, int centred,
                       double *y)
{
    const float *w = e->plain > centred ? NULL : e->in[1].data;
    const float *b = centred && !e->plain ? e->in[2].data : NULL;
    double mean = 0, squares = 0;
    for (int64_t j = 0; j < width && centred; j++)
        mean += (double)x[j] / (double)width;
    for (int64_t j = 0; j < width; j++)
        squares += ((double)x[j] - mean) * ((double)x[j] - mean) / (double)width;
    double rstd = 1 / sqrt(squares + (double)e->eps);
    for (int64_t j = 0; j < width; j++)
        y[j] = ((double)x[j] - mean) * rstd * (w ? (double)w[j] : 1) +
               (b ? (double)b[j] : 0);
}

static void check_norm(const struct norm_shape *s, int centred, int plain)
{
    int64_t groups = centred || plain ? 1 : s->groups, n = groups * s->width;
    struct env e = { .call = centred ? layer_norm : rms_norm, .n = n, .eps = 1e-6f,
                     .plain = plain };
    e.in[0] = matrix(s->rows, n + 3, s->low, s->high);
    e.in[1] = vector(s->width);
    e.in[2] = vector(s->width);
    const float *y = compute(&e);
    static double want[4096];
    for (int64_t i = 0; i < s->rows * groups; i++) {
        const float *x = (const float *)e.in[0].data + i / groups * (n + 3) + 1;
        norm_exact(&e, x + i % groups * s->width, s->width, centred, want);
        /* the mean is rounded to f32: off-centre rows lose what |x| / deviation says */
        double tolerance = s->low > 50 ? 5e-5 : 1e-6;
        for (int64_t j = 0; j < s->width; j++)
            assert_close(y[i * s->width + j], want[j], tolerance,
                         centred ? "layer_norm" : "rms_norm", i * s->width + j);
    }
}

START_TEST(test_rms_norm)
{
    for (int plain = 0; plain <= 1; plain++)
        check_norm(&norm_shapes[_i], 0, plain);
}
END_TEST

START_TEST(test_layer_norm)
{
    for (int plain = 0; plain <= 2; plain++)
        check_norm(&norm_shapes[_i], 1, plain);
}
END_TEST

/* ---- rope ------------------------------------------------------------------------- */

static struct tr_tensor *rope(struct tr_tape *tp, struct env *e)
{
    struct tr_tensor *x = tr_columns(tp, tape_copy(tp, &e->in[0]), 1, e->n);
    return tr_rope(tp, x, e->pos, &e->rope);
}

static const int32_t rope_pos[] = { 0, 1, 47, 2047, 131071, 3 };
static const float rope_factors[] = { 1, 1.5f, 2, 8, 32, 1, 1, 1 };
static const float rope_freq[] = { 1, 0.3f, 0, 2e-5f, 0.7f };
static const struct tr_rope ropes[] = {
    { 8, 8, 0, 10000, 1, NULL, 0, NULL },       { 8, 8, 1, 10000, 1, NULL, 1, NULL },
    { 16, 6, 1, 500000, 0.25f, NULL, 0, NULL },
    { 16, 16, 1, 500000, 1, rope_factors, 0, NULL },
    { 160, 160, 0, 1000000, 1, NULL, 0, NULL }, { 4, 2, 0, 10000, 1, NULL, 0, NULL },
    { 16, 6, 0, 10000, 1, NULL, 1.5f, NULL },   { 8, 8, 1, 10000, 1, NULL, 0.25f, NULL },
    { 8, 6, 1, 0, 0, NULL, 1.25f, rope_freq },  { 20, 10, 0, 0, 0, NULL, 0, rope_freq },
};

/* Pair i of a head, turned; angle as documented: frequency and angle in f32. */
static void rope_exact(const struct tr_rope *r, const float *x, int32_t pos, int i,
                       double *first, double *second)
{
    double f = pow((double)r->freq_base, -2.0 * i / r->n_rot) * (double)r->freq_scale;
    if (r->factors)
        f /= (double)r->factors[i];
    if (r->freq)
        f = (double)r->freq[i];
    float angle = (float)pos * (float)f;
    double scale = r->scale == 0 ? 1 : (double)r->scale;
    double c = scale * cos((double)angle), s = scale * sin((double)angle);
    double a = (double)x[r->neox ? i : 2 * i];
    double b = (double)x[r->neox ? i + r->n_rot / 2 : 2 * i + 1];
    *first = a * c - b * s;
    *second = a * s + b * c;
}

START_TEST(test_rope)
{
    const struct tr_rope *r = &ropes[_i];
    int64_t rows = 6, heads = 3, cols = heads * r->head_dim;
    struct env e = { .call = rope, .n = cols, .rope = *r, .pos = rope_pos };
    e.in[0] = matrix(rows, cols + 3, -1, 1);
    const float *y = compute(&e);
    for (int64_t h = 0; h < rows * heads; h++, y += r->head_dim) {
        const float *x = (const float *)e.in[0].data + h / heads * (cols + 3) + 1 +
                         h % heads * r->head_dim;
        for (int i = 0; i < r->n_rot / 2; i++) {
            double first, second;
            rope_exact(r, x, rope_pos[h / heads], i, &first, &second);
            int at = r->neox ? i : 2 * i, apart = r->neox ? r->n_rot / 2 : 1;
            assert_close(y[at], first, 2e-7, "rope", at);
            assert_close(y[at + apart], second, 2e-7, "rope", at + apart);
        }
        ck_assert_mem_eq(y + r->n_rot, x + r->n_rot,
                         (size_t)(r->head_dim - r->n_rot) * sizeof *y);
    }
}
END_TEST

/* ---- activations ------------------------------------------------------------------ */

static struct tr_tensor *swiglu(struct tr_tape *tp, struct env *e)
{
    return tr_swiglu(tp, &e->in[0], &e->in[1]);
}

static struct tr_tensor *geglu(struct tr_tape *tp, struct env *e)
{
    return tr_geglu(tp, &e->in[0], &e->in[1]);
}

static struct tr_tensor *swiglu_clamped(struct tr_tape *tp, struct env *e)
{
    return tr_swiglu_clamped(tp, &e->in[0], &e->in[1], 1.702f, 1.5f);
}

static struct tr_tensor *gelu(struct tr_tape *tp, struct env *e)
{
    return tr_gelu(tp, &e->in[0]);
}

static double silu_exact(double x)
{
    return x / (1 + exp(-x));
}

static double gelu_exact(double x)
{
    double root = sqrt(2 / 3.14159265358979323846);
    return 0.5 * x * (1 + tanh(root * (x + 0.044715 * x * x * x)));
}

static double steep_exact(double x)
{
    x = fmin(x, 1.5);
    return x / (1 + exp(-(double)1.702f * x));
}

static double clamped_exact(double up)
{
    return fmax(-1.5, fmin(up, 1.5)) + 1;
}

static double itself(double up)
{
    return up;
}

static double one(double up)
{
    (void)up;
    return 1;
}

static const struct {
    const char *name;
    struct tr_tensor *(*call)(struct tr_tape *tp, struct env *e);
    double (*exact)(double x);
    double (*of_up)(double up);
    int bounded;
} activations[] = {
    { "swiglu", swiglu, silu_exact, itself, 0 },
    { "geglu", geglu, gelu_exact, itself, 0 },
    { "swiglu_clamped", swiglu_clamped, steep_exact, clamped_exact, 1 },
    { "gelu", gelu, gelu_exact, one, 0 },
};
enum { N_ACTIVATION = sizeof activations / sizeof *activations };

START_TEST(test_activation)
{
    struct env e = { .call = activations[_i].call };
    for (float range = 1; range < 1000; range *= 10) {
        e.in[0] = matrix(7, 133, -range, range);
        e.in[1] = matrix(7, 133, -2, 2);
        const float *x = e.in[0].data, *up = e.in[1].data, *y = compute(&e);
        for (int64_t i = 0; i < 7 * 133; i++) {
            double want = activations[_i].exact((double)x[i]);
            want *= activations[_i].of_up((double)up[i]);
            assert_close(y[i], want, 1e-7 + 4e-7 * fabs(want), activations[_i].name, i);
        }
    }
}
END_TEST

START_TEST(test_activation_keeps_nan)
{
    struct env e = { .call = activations[_i].call };
    e.in[0] = matrix(1, 33, -1, 1);
    e.in[1] = matrix(1, 33, 1, 2);
    ((float *)e.in[0].data)[20] = NAN;
    ((float *)e.in[0].data)[21] = INFINITY;
    const float *y = compute(&e);
    for (int i = 0; i < 33; i++)
        ck_assert_int_eq(isnan(y[i]) != 0, i == 20);
    ck_assert(isinf(y[21]) != activations[_i].bounded && y[21] > 0);
}
END_TEST

/* ---- embedding -------------------------------------------------------------------- */

enum { N_ID = 600 };

static struct tr_tensor *embedding(struct tr_tape *tp, struct env *e)
{
    return tr_embedding(tp, &e->in[0], e->id, e->in[1].data ? &e->in[1] : NULL, e->pos,
                        N_ID, e->scale);
}

/* Types of the two tables; more rows than are unpacked at once. */
START_TEST(test_embedding)
{
    const struct tr_dtype *dtype = _i ? &tr_f16 : &tr_f32;
    int32_t id[N_ID], pos[N_ID];
    for (int i = 0; i < N_ID; i++) {
        id[i] = i * 7 % 50;
        pos[i] = i % 64;
    }
    struct env e = { .call = embedding, .id = id, .pos = pos, .scale = 3 };
    e.in[0] = packed(dtype, 50, 48);
    for (int with_position = 0; with_position < 2; with_position++) {
        if (with_position)
            e.in[1] = packed(dtype, 64, 48);
        float *table = unpacked(&e.in[0]);
        float *position = with_position ? unpacked(&e.in[1]) : NULL;
        const float *y = compute(&e);
        for (int64_t i = 0; i < N_ID * 48; i++) {
            double want = 3 * (double)table[id[i / 48] * 48 + i % 48];
            want += position ? (double)position[pos[i / 48] * 48 + i % 48] : 0;
            assert_close(y[i], want, 3e-7, "embedding", i);
        }
    }
}
END_TEST

/* ---- linear ----------------------------------------------------------------------- */

static struct tr_tensor *linear(struct tr_tape *tp, struct env *e)
{
    return tr_linear(tp, &e->in[0], &e->in[1],
                     &(struct tr_linear){ .bias = &e->in[2], .scale = e->scale });
}

/* A weight that is unpacked in several tiles, forward and for the gradient of x. */
START_TEST(test_linear_packed)
{
    int64_t n = 3, k = 4096, out = 600;
    struct env e = { .call = linear, .scale = 0.5f };
    e.in[0] = matrix(n, k, -1, 1);
    e.in[1] = packed(&tr_f16, out, k);
    e.in[2] = vector(out);
    const float *x = e.in[0].data, *w = unpacked(&e.in[1]), *b = e.in[2].data;
    const float *y = compute(&e);
    for (int64_t i = 0; i < n * out; i++) {
        double want = 0;
        for (int64_t j = 0; j < k; j++)
            want += (double)x[i / out * k + j] * (double)w[i % out * k + j];
        assert_close(y[i], 0.5 * want + (double)b[i % out], 1e-4, "linear", i);
    }
    e.weight = numbers(n * out, -1, 1);
    e.in[0].needs_grad = 1;
    e.in[0].grad = keep((size_t)(n * k) * sizeof(float));
    memset(e.in[0].grad, 0, (size_t)(n * k) * sizeof(float));
    struct tr_tape *tp = tape_planned(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, run, &e);
    tr_tape_backward(tp, run(&e, tp));
    for (int64_t i = 0; i < n * k; i++) {
        double want = 0;
        for (int64_t j = 0; j < out; j++)
            want += 0.5 * (double)e.weight[i / k * out + j] * (double)w[j * k + i % k];
        assert_close(e.in[0].grad[i], want, 1e-4, "gradient", i);
    }
    tr_tape_free(tp);
}
END_TEST

/* ---- threads ---------------------------------------------------------------------- */

static const struct {
    struct tr_tensor *(*call)(struct tr_tape *tp, struct env *e);
    int64_t rows, cols, width;
} threaded[] = {
    { rms_norm, 300, 384, 128 }, { layer_norm, 300, 200, 200 }, { embedding, 50, 200, 200 }
};

/* Gradients of all inputs one behind the other. */
static void gradients(struct env *e, float *out)
{
    for (int i = 0; i < 3; i++) {
        struct tr_tensor *t = &e->in[i];
        t->needs_grad = 1;
        t->grad = memset(out, 0, (size_t)tr_tensor_count(t) * sizeof *out);
        out += tr_tensor_count(t);
    }
    struct tr_tape *tp = tape_planned(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, run, e);
    tr_tape_backward(tp, run(e, tp));
    tr_tape_free(tp);
}

START_TEST(test_bits_do_not_depend_on_threads)
{
    int64_t rows = threaded[_i].rows, cols = threaded[_i].cols, width = threaded[_i].width;
    int32_t id[N_ID];
    for (int i = 0; i < N_ID; i++)
        id[i] = i * i % 50;
    struct env e = { .call = threaded[_i].call, .n = cols, .eps = 1e-5f, .scale = 1.5f,
                     .id = id, .pos = id, .weight = numbers(N_ID * cols, -1, 1) };
    int table = e.call == embedding;
    e.in[0] = matrix(rows, table ? cols : cols + 3, -1, 1);
    e.in[1] = table ? matrix(rows, cols, -1, 1) : vector(width);
    e.in[2] = vector(width);
    size_t n = (size_t)(2 * rows * (cols + 3) + 2 * width);
    float *one = keep(n * sizeof *one), *more = keep(n * sizeof *more);
    memset(one, 0, n * sizeof *one);
    memset(more, 0, n * sizeof *more);
    tr_threads(1);
    gradients(&e, one);
    for (int threads = 2; threads <= 5; threads++) {
        tr_threads(threads);
        gradients(&e, more);
        ck_assert_mem_eq(one, more, n * sizeof *one);
    }
}
END_TEST

/* ---- mistakes --------------------------------------------------------------------- */

START_TEST(test_shape_mistakes_are_fatal)
{
    struct env e = { .call = _i == 0 ? swiglu : _i == 1 ? rms_norm : rope, .n = 8,
                     .rope = { 3, 2, 0, 10, 1, NULL, 0, NULL }, .pos = rope_pos };
    e.in[0] = matrix(2, 9, -1, 1);
    e.in[1] = _i == 1 ? vector(5) : matrix(2, 8, -1, 1);
    compute(&e);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops");
    TCase *tc = tcase_create("ops");
    tcase_add_checked_fixture(tc, NULL, release_kept);
    tcase_set_timeout(tc, 60);
    int n_norm = sizeof norm_shapes / sizeof norm_shapes[0];
    tcase_add_loop_test(tc, test_rms_norm, 0, n_norm);
    tcase_add_loop_test(tc, test_layer_norm, 0, n_norm);
    tcase_add_loop_test(tc, test_rope, 0, sizeof ropes / sizeof ropes[0]);
    tcase_add_loop_test(tc, test_activation, 0, N_ACTIVATION);
    tcase_add_loop_test(tc, test_activation_keeps_nan, 0, N_ACTIVATION);
    tcase_add_loop_test(tc, test_embedding, 0, 2);
    tcase_add_test(tc, test_linear_packed);
    tcase_add_loop_test(tc, test_bits_do_not_depend_on_threads, 0, 3);
    tcase_add_loop_test_raise_signal(tc, test_shape_mistakes_are_fatal, SIGABRT, 0, 3);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
