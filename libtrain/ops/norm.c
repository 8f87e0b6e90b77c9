/* SPDX-License-Identifier: MIT
 *
 * Norms of rows, or of groups of columns of a row; derivations in docs/maths/norm.md.
 * Sums over a row are taken in f64: they cost nothing beside the reading of the row, and
 * the result does not depend on its width.
 */
#include <libtrain/ops/ops.h>

#include <math.h>
#include <string.h>

enum { X, W, B };

/* The gradients of w and b are sums over rows.  The rows are cut into this many parts,
 * whatever the number of threads, and the sums of the parts are added in order. */
enum { N_PART = 64 };

/* What is normed together: `width` columns, `groups` times in a row of x. */
struct layout {
    int64_t n, width, groups;
};

static struct layout layout_of(const struct tr_tensor *x, const struct tr_tensor *w)
{
    int64_t width = w ? tr_tensor_count(w) : tr_tensor_cols(x);
    int64_t groups = w ? tr_tensor_cols(x) / width : 1;
    return (struct layout){ tr_tensor_rows(x) * groups, width, groups };
}

/* What there is of w and of b; the compiler takes the question out of the loop. */
static inline float factor(const float *w, int64_t j)
{
    return w ? w[j] : 1.0f;
}

static inline float term(const float *b, int64_t j)
{
    return b ? b[j] : 0.0f;
}

static const float *data_of(const struct tr_tensor *t)
{
    return t ? t->data : NULL;
}

static float *grad_of(const struct tr_tensor *t)
{
    return t ? t->grad : NULL;
}

static int64_t offset_of(const struct layout *l, const struct tr_tensor *t, int64_t i)
{
    return i / l->groups * t->ld + i % l->groups * l->width;
}

/* Gradients of one row.  xhat = (x - mean) * rstd, and g = dy * w is the gradient of xhat:
 *     dx += rstd * (g - mean(g) - xhat * mean(g * xhat))       layer norm
 *     dx += rstd * (g           - xhat * mean(g * xhat))       RMS norm, where mean = 0 */
struct row {
    const float *x, *dy, *w;
    float *dx, *dw, *db; /* NULL: not wanted */
    int64_t width;
    float mean, rstd;
    int centred;
};

static void add_dx(const struct row *r)
{
    const float *x = r->x, *dy = r->dy, *w = r->w;
    float *dx = r->dx, mean = r->mean, rstd = r->rstd;
    double sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t j = 0; j < r->width; j++) {
        double g = (double)(dy[j] * factor(w, j));
        sum += g;
        dot += g * (double)(x[j] - mean);
    }
    float shift = r->centred ? (float)(sum / (double)r->width) : 0.0f;
    float slope = (float)(dot / (double)r->width) * rstd;
#pragma omp simd
    for (int64_t j = 0; j < r->width; j++)
        dx[j] += rstd * (dy[j] * factor(w, j) - shift - (x[j] - mean) * rstd * slope);
}

static void add_dw(const struct row *r)
{
    const float *x = r->x, *dy = r->dy;
    float *dw = r->dw, mean = r->mean, rstd = r->rstd;
#pragma omp simd
    for (int64_t j = 0; j < r->width; j++)
        dw[j] += dy[j] * ((x[j] - mean) * rstd);
}

static void add_db(const struct row *r)
{
    const float *dy = r->dy;
    float *db = r->db;
#pragma omp simd
    for (int64_t j = 0; j < r->width; j++)
        db[j] += dy[j];
}

/* to[j] += sums of the parts, in order. */
static void add_parts(const float *part, int64_t stride, int64_t width, float *to)
{
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < width; j++) {
        float sum = 0;
        for (int64_t p = 0; p < N_PART; p++)
            sum += part[p * stride + j];
        to[j] += sum;
    }
}

/* One that takes off a mean has it in `saved`, behind rstd. */
static int is_centred(const struct tr_node *nd)
{
    return nd->op == &tr__op_layer_norm;
}

/* Part p: its rows, and its sums behind `sums`: those of w, then those of b. */
static void backward_part(const struct tr_node *nd, const struct layout *l, int64_t p,
                          float *sums)
{
    const struct tr_tensor *x = nd->in[X], *y = nd->out;
    const float *mean = is_centred(nd) ? nd->saved + l->n : NULL;
    struct row r = { .w = data_of(nd->in[W]), .width = l->width, .centred = mean != NULL };
    if (grad_of(nd->in[W]))
        r.dw = memset(sums, 0, (size_t)l->width * sizeof *sums);
    if (grad_of(nd->in[B]))
        r.db = memset(sums + l->width, 0, (size_t)l->width * sizeof *sums);
    for (int64_t i = p * l->n / N_PART; i < (p + 1) * l->n / N_PART; i++) {
        int64_t at = offset_of(l, x, i);
        r.x = (const float *)x->data + at;
        r.dy = y->grad + offset_of(l, y, i);
        r.dx = x->grad ? x->grad + at : NULL;
        r.mean = mean ? mean[i] : 0.0f;
        r.rstd = nd->saved[i];
        if (r.dx)
            add_dx(&r);
        if (r.dw)
            add_dw(&r);
        if (r.db)
            add_db(&r);
    }
}

static int is_trained(const struct tr_tensor *t)
{
    return t && t->needs_grad;
}

static size_t norm_scratch(const struct tr_node *nd, int backward)
{
    if (!backward || !(is_trained(nd->in[W]) || is_trained(nd->in[B])))
        return 0;
    return (size_t)(2 * N_PART * layout_of(nd->in[X], nd->in[W]).width) * sizeof(float);
}

static void norm_backward(struct tr_node *nd)
{
    struct layout l = layout_of(nd->in[X], nd->in[W]);
    size_t mark = tr_arena_mark(nd->scratch);
    float *sums = tr_arena_alloc(nd->scratch, norm_scratch(nd, 1));
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < N_PART; p++)
        backward_part(nd, &l, p, sums + p * 2 * l.width);
    if (grad_of(nd->in[W]))
        add_parts(sums, 2 * l.width, l.width, nd->in[W]->grad);
    if (grad_of(nd->in[B]))
        add_parts(sums + l.width, 2 * l.width, l.width, nd->in[B]->grad);
    tr_arena_rewind(nd->scratch, mark);
}

/* ---- RMS norm --------------------------------------------------------------------- */

static double sum_of_squares(const float *x, int64_t n, float mean)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) {
        double d = (double)(x[j] - mean);
        sum += d * d;
    }
    return sum;
}

static float rstd_of(double squares, int64_t n, float eps)
{
    return (float)(1 / sqrt(squares / (double)n + (double)eps));
}

static void rms_norm_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[X], *y = nd->out;
    const float *w = data_of(nd->in[W]), eps = *(const float *)nd->args;
    struct layout l = layout_of(nd->in[X], nd->in[W]);
#pragma omp parallel for schedule(static) if (l.n > 1)
    for (int64_t i = 0; i < l.n; i++) {
        const float *from = (const float *)x->data + offset_of(&l, x, i);
        float *to = (float *)y->data + offset_of(&l, y, i);
        float rstd = rstd_of(sum_of_squares(from, l.width, 0), l.width, eps);
        nd->saved[i] = rstd;
#pragma omp simd
        for (int64_t j = 0; j < l.width; j++)
            to[j] = from[j] * rstd * factor(w, j);
    }
}

const struct tr_op tr__op_rms_norm = {
    .name = "rms_norm",
    .forward = rms_norm_forward,
    .backward = norm_backward,
    .scratch = norm_scratch,
    .cheap = 1,
};

struct tr_tensor *tr_rms_norm(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w,
                              float eps)
{
    const struct tr_op *op = &tr__op_rms_norm;
    tr_op_require(tp, x && (!w || (w->dtype == &tr_f32 && w->n_dim == 1 &&
                  tr_tensor_cols(x) % tr_tensor_count(w) == 0)), op, x, w ? w : x);
    int64_t n = tr_tensor_rows(x), cols = tr_tensor_cols(x);
    return tr_op_run(tp, &(struct tr_op_call){
                           .op = op,
                           .in = { x, w },
                           .out = tr_op_output(tp, op, 2, (int64_t[]){ n, cols }),
                           .args = &eps,
                           .args_bytes = sizeof eps,
                           .n_saved = (size_t)layout_of(x, w).n });
}

/* ---- layer norm ------------------------------------------------------------------- */

static float mean_of(const float *x, int64_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += (double)x[j];
    return (float)(sum / (double)n);
}

static void layer_norm_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[X], *y = nd->out;
    const float *w = data_of(nd->in[W]), *b = data_of(nd->in[B]);
    float eps = *(const float *)nd->args;
    struct layout l = layout_of(nd->in[X], nd->in[W]);
#pragma omp parallel for schedule(static) if (l.n > 1)
    for (int64_t i = 0; i < l.n; i++) {
        const float *from = (const float *)x->data + offset_of(&l, x, i);
        float *to = (float *)y->data + offset_of(&l, y, i);
        float mean = mean_of(from, l.width);
        float rstd = rstd_of(sum_of_squares(from, l.width, mean), l.width, eps);
        nd->saved[i] = rstd;
        nd->saved[l.n + i] = mean;
#pragma omp simd
        for (int64_t j = 0; j < l.width; j++)
            to[j] = (from[j] - mean) * rstd * factor(w, j) + term(b, j);
    }
}

const struct tr_op tr__op_layer_norm = {
    .name = "layer_norm",
    .forward = layer_norm_forward,
    .backward = norm_backward,
    .scratch = norm_scratch,
    .cheap = 1,
};

/* Or nothing. */
static int is_vector(const struct tr_tensor *t, int64_t width)
{
    return !t || (t->dtype == &tr_f32 && tr_tensor_count(t) == width);
}

struct tr_tensor *tr_layer_norm(struct tr_tape *tp, struct tr_tensor *x,
                                struct tr_tensor *w, struct tr_tensor *b, float eps)
{
    const struct tr_op *op = &tr__op_layer_norm;
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
    tr_op_require(tp, is_vector(w, width), op, x, w ? w : x);
    tr_op_require(tp, is_vector(b, width), op, x, b ? b : x);
    return tr_op_run(tp, &(struct tr_op_call){
                           .op = op,
                           .in = { x, w, b },
                           .out = tr_op_output(tp, op, 2, (int64_t[]){ n, width }),
                           .args = &eps,
                           .args_bytes = sizeof eps,
                           .n_saved = (size_t)(2 * n) });
}
