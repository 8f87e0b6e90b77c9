/* SPDX-License-Identifier: MIT
 *
 * Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): the
 * momentum of a linear map is replaced by the nearest matrix whose singular values are all
 * about 1, found by a few steps of a Newton-Schulz iteration, which is products alone.
 * Tables, norms and biases are AdamW's.
 *
 * With `match_rms` an update has 0.2 root(max(rows, cols)) times the size, so that rate and
 * decay are those that AdamW wants (Liu et al. 2025, "Muon is scalable for LLM training");
 * without it root(max(1, rows / cols)) times, as first published.
 */
#include <libtrain/matmul/matmul.h>
#include <libtrain/optim/optim.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MOMENTUM = TR__N_ADAM, NS_STEPS, MATCH_RMS };

/* Of the iteration x a + (x x^T) x b + (x x^T)^2 x c, chosen for the slope at 0. */
static const float ns_a = 3.4445f, ns_b = -4.7750f, ns_c = 2.0315f;
static const double least_norm = 1e-7;

/* m becomes the momentum with this gradient, change where Nesterov's form of it goes. */
static void follow(const struct tr_optim_step *s, int64_t n, const float *grad, float *m,
                   float *change)
{
    double b = s->option[MOMENTUM];
    float keep = (float)b, fresh = (float)(1 - b), scale = (float)s->grad_scale;
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float g = grad[i] * scale;
        m[i] = keep * m[i] + fresh * g;
        change[i] = keep * m[i] + fresh * g;
    }
}

static void times(float *x, int64_t n, float by)
{
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
}

/* The Gram matrix of the shorter side of x (rows, cols), least (least, least), and what it is
 * multiplied with: from the left, or from the right where columns are fewer. */
static void gram(const struct tr_optim_shape *z, const float *x, float *out)
{
    int tall = z->rows > z->cols;
    int64_t least = tall ? z->cols : z->rows, other = tall ? z->rows : z->cols;
    struct tr__gemm p = { .ta = tall, .tb = !tall, .m = least, .n = least, .k = other,
                          .lda = z->cols, .ldb = z->cols, .ldc = least, .alpha = 1 };
    tr__gemm_f32(&p, x, x, out);
}

/* b a + c a a: the polynomial but for its first term, of a Gram matrix a (n, n). */
static void polynomial(int64_t n, const float *a, float *out)
{
    memcpy(out, a, (size_t)(n * n) * sizeof *a);
    struct tr__gemm p = { .m = n, .n = n, .k = n, .lda = n, .ldb = n, .ldc = n,
                          .alpha = ns_c, .beta = ns_b };
    tr__gemm_f32(&p, a, a, out);
}

/* to = ns_a x + (p x or x p) */
static void apply(const struct tr_optim_shape *z, const float *p, const float *x, float *to)
{
    int tall = z->rows > z->cols;
    int64_t least = tall ? z->cols : z->rows;
    memcpy(to, x, (size_t)(z->rows * z->cols) * sizeof *x);
    struct tr__gemm g = { .m = z->rows, .n = z->cols, .k = least,
                          .lda = tall ? z->cols : least, .ldb = tall ? least : z->cols,
                          .ldc = z->cols, .alpha = 1, .beta = ns_a };
    tr__gemm_f32(&g, tall ? x : p, tall ? p : x, to);
}

/* x (rows, cols) becomes nearly orthogonal.  room: as muon_room says. */
static void orthogonalise(const struct tr_optim_shape *z, int steps, float *x, float *room)
{
    int64_t n = z->rows * z->cols, least = z->rows < z->cols ? z->rows : z->cols;
    float *a = room, *p = a + least * least, *next = p + least * least;
    double norm = sqrt(tr__sum_of_squares(x, n));
    times(x, n, (float)(1 / (norm > least_norm ? norm : least_norm)));
    for (int i = 0; i < steps; i++) {
        gram(z, x, a);
        polynomial(least, a, p);
        apply(z, p, x, next);
        memcpy(x, next, (size_t)n * sizeof *x);
    }
}

static int64_t muon_room(const struct tr_optim_shape *z)
{
    int64_t least = z->rows < z->cols ? z->rows : z->cols;
    return 2 * least * least + z->rows * z->cols;
}

static void muon_whole(const struct tr_optim_step *s, const struct tr_optim_shape *z,
                       const float *grad, void *const *state, float *change, float *room)
{
    int64_t each = z->rows * z->cols;
    double rows = (double)z->rows, cols = (double)z->cols, size;
    if (s->option[MATCH_RMS] > 0)
        size = 0.2 * sqrt(rows > cols ? rows : cols);
    else
        size = rows > cols ? sqrt(rows / cols) : 1;
    follow(s, z->n * each, grad, state[0], change);
    for (int64_t i = 0; i < z->n; i++)
        orthogonalise(z, (int)s->option[NS_STEPS], change + i * each, room);
    times(change, z->n * each, (float)(s->lr * size));
}

static const struct tr_option muon_options[] = {
    TR__ADAM_OPTIONS,
    [MOMENTUM] = { "momentum", 0, 0.9999999, 0.95, "of linear maps", 0 },
    [NS_STEPS] = { "ns_steps", 1, 100, 5, "steps of the Newton-Schulz iteration", 0 },
    [MATCH_RMS] = { "match_rms", 0, 1, 1, "1: rates are AdamW's, 0: as first published", 0 },
    { .name = NULL },
};

const struct tr_optim tr__optim_muon = {
    .name = "muon",
    .option = muon_options,
    .n_state = 2,
    .state = { { .suffix = ".m", .dtype = &tr_f32, .per = 1 },
               { .suffix = ".v", .dtype = &tr_f32, .per = 1, .never_negative = 1,
                 .of = TR_OPTIM_REST } },
    .step = tr__adamw_step,
    .whole = muon_whole,
    .room = muon_room,
    .linear = 1,
};
