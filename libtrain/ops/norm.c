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

static struct layout layout_of(const struct tr_node *nd)
{
    int64_t width = tr_tensor_count(nd->in[W]), groups = tr_tensor_cols(nd->in[X]) / width;
    return (struct layout){ tr_tensor_rows(nd->in[X]) * groups, width, groups };
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
        double g = (double)(dy[j] * w[j]);
        sum += g;
        dot += g * (double)(x[j] - mean);
    }
    float shift = r->centred ? (float)(sum / (double)r->width) : 0.0f;
    float slope = (float)(dot / (double)r->width) * rstd;
#pragma omp simd
    for (int64_t j = 0; j < r->width; j++)
        dx[j] += rstd * (dy[j] * w[j] - shift - (x[j] - mean) * rstd * slope);
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

static float *grad_of(const struct tr_tensor *t)
{
    return t ? t->grad : NULL;
}

/* Part p: its rows, and its sums behind `sums`: those of w, then those of b. */
static void backward_part(const struct tr_node *nd, const struct layout *l, int64_t p,
                          float *sums)
{
    const struct tr_tensor *x = nd->in[X], *y = nd->out;
    const float *mean = nd->in[B] ? nd->saved + l->n : NULL;
    struct row r = { .w = nd->in[W]->data, .width = l->width, .centred = mean != NULL };
    if (nd->in[W]->grad)
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

static size_t norm_scratch(const struct tr_node *nd, int backward)
{
    int sums = nd->in[W]->needs_grad || (nd->in[B] && nd->in[B]->needs_grad);
    return backward && sums ? (size_t)(2 * N_PART * layout_of(nd).width) * sizeof(float) : 0;
}

static void norm_backward(struct tr_node *nd)
{
    struct layout l = layout_of(nd);
    size_t mark = tr_arena_mark(nd->scratch);
    float *sums = tr_arena_alloc(nd->scratch, norm_scratch(nd, 1));
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < N_PART; p++)
        backward_part(nd, &l, p, sums + p * 2 * l.width);
    if (nd->in[W]->grad)
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
    const float *w = nd->in[W]->data, eps = *(const float *)nd->args;
    struct layout l = layout_of(nd);
#pragma omp parallel for schedule(static) if (l.n > 1)
    for (int64_t i = 0; i < l.n; i++) {
        const float *from = (const float *)x->data + offset_of(&l, x, i);
        float *to = (float *)y->data + offset_of(&l, y, i);
        float rstd = rstd_of(sum_of_squares(from, l.width, 0), l.width, eps);
        nd->saved[i] = rstd;
#pragma omp simd
        for (int64_t j = 0; j < l.width; j++)
            to[j] = from[j] * rstd * w[j];
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
    tr_op_require(tp, x && w && w->dtype == &tr_f32 && w->n_dim == 1 &&
                  tr_tensor_cols(x) % tr_tensor_count(w) == 0, op, x, w);
    int64_t n = tr_tensor_rows(x), cols = tr_tensor_cols(x);
    int64_t n_row = n * (cols / tr_tensor_count(w));
    return tr_op_run(tp, &(struct tr_op_call){
                           .op = op,
                           .in = { x, w },
                           .out = tr_op_output(tp, op, 2, (int64_t[]){ n, cols }),
                           .args = &eps,
                           .args_bytes = sizeof eps,
                           .n_saved = (size_t)n_row });
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
    const float *w = nd->in[W]->data, *b = nd->in[B]->data, eps = *(const float *)nd->args;
    struct layout l = layout_of(nd);
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
            to[j] = (from[j] - mean) * rstd * w[j] + b[j];
    }
}

const struct tr_op tr__op_layer_norm = {
    .name = "layer_norm",
    .forward = layer_norm_forward,
    .backward = norm_backward,
    .scratch = norm_scratch,
    .cheap = 1,
};

struct tr_tensor *tr_layer_norm(struct tr_tape *tp, struct tr_tensor *x,
                                struct tr_tensor *w, struct tr_tensor *b, float eps)
{
    const struct tr_op *op = &tr__op_layer_norm;
    int64_t n = tr_tensor_rows(x), width = tr_tensor_cols(x);
    tr_op_require(tp, w && w->dtype == &tr_f32 && tr_tensor_count(w) == width, op, x, w);
    tr_op_require(tp, b && b->dtype == &tr_f32 && tr_tensor_count(b) == width, op, x, b);
    return tr_op_run(tp, &(struct tr_op_call){
                           .op = op,
                           .in = { x, w, b },
                           .out = tr_op_output(tp, op, 2, (int64_t[]){ n, width }),
                           .args = &eps,
                           .args_bytes = sizeof eps,
                           .n_saved = (size_t)(2 * n) });
}
