/* SPDX-License-Identifier: MIT
 *
 * Sums, products and functions number by number.  Of two factors the second may be smaller:
 * a row stands for all rows, a column for all columns, one number for all, as in NumPy, and
 * its gradient is the sum over what it stood for.  Next: activation.c, which has more
 * functions of one number.  Derivations: docs/maths/elementwise.md.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/elementwise.h>

/* ---- y = f(x) ---------------------------------------------------------------------- */

struct map_args {
    const struct tr__map *rows;
    float c;
};

void tr__map_forward(struct tr_node *nd)
{
    const struct map_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        args->rows->forward(tr_tensor_row(x, i), tr_tensor_row(y, i), width, args->c);
}

void tr__map_backward(struct tr_node *nd)
{
    const struct map_args *args = nd->args;
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    int add = tr_op_grad_beta(nd->in[0]);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        args->rows->backward(tr_tensor_row(x, i), tr_tensor_grad_row(y, i),
                             tr_tensor_grad_row(x, i), width, args->c, add);
}

struct tr_tensor *tr__map(struct tr_tape *tp, const struct tr_op *op,
                          const struct tr__map *rows, float c, struct tr_tensor *x)
{
    int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
    struct map_args args = { rows, c };
    tr_op_require(tp, x->dtype == &tr_f32, op, x, x);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { x },
                                               .out = tr_op_output(tp, op, 2, dim),
                                               .args = &args,
                                               .args_bytes = sizeof args });
}

static inline float inverse(float x)
{
    return 1.0f / x;
}

TR__MAP_ROWS(exp, tr__expf, tr__expf)
TR__MAP_ROWS(log, logf, inverse)

static void scale_forward(const float *x, float *y, int64_t n, float c)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        y[j] = c * x[j];
}

static void scale_backward(const float *x, const float *dy, float *dx, int64_t n, float c,
                           int add)
{
    (void)x;
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        dx[j] = c * dy[j] + (add ? dx[j] : 0);
}

static const struct tr__map scale_rows = { scale_forward, scale_backward };

/* ---- y = f(a, b) ------------------------------------------------------------------- */

enum { A, B };

/* A row of y, of the gradient of a, and of what is summed for the gradient of b; step 0:
 * b is one number. */
struct binary {
    void (*forward)(const float *a, const float *b, int step, float *y, int64_t n);
    void (*da)(const float *a, const float *b, int step, const float *dy, float *da,
               int64_t n, int add);
    void (*db)(const float *a, const float *b, const float *dy, float *db, int64_t n);
    double (*db_sum)(const float *a, float b, const float *dy, int64_t n);
};

/* Of the value and the derivatives, as expressions in a and b. */
#define BINARY(name, value, by_a, by_b)                                                  \
    static void name##_forward(const float *pa, const float *pb, int step, float *y,     \
                               int64_t n)                                                \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++) {                                                \
            float a = pa[j], b = step ? pb[j] : *pb;                                     \
            y[j] = value;                                                                \
        }                                                                                \
    }                                                                                    \
    static void name##_da(const float *pa, const float *pb, int step, const float *dy,   \
                          float *da, int64_t n, int add)                                 \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++) {                                                \
            float a = pa[j], b = step ? pb[j] : *pb;                                     \
            (void)a, (void)b;                                                            \
            da[j] = dy[j] * (by_a) + (add ? da[j] : 0);                                  \
        }                                                                                \
    }                                                                                    \
    static void name##_db(const float *pa, const float *pb, const float *dy, float *db,  \
                          int64_t n)                                                     \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++) {                                                \
            float a = pa[j], b = pb[j];                                                  \
            (void)a, (void)b;                                                            \
            db[j] += dy[j] * (by_b);                                                     \
        }                                                                                \
    }                                                                                    \
    static double name##_db_sum(const float *pa, float b, const float *dy, int64_t n)    \
    {                                                                                    \
        double sum = 0;                                                                  \
        _Pragma("omp simd reduction(+ : sum)")                                           \
        for (int64_t j = 0; j < n; j++) {                                                \
            float a = pa[j];                                                             \
            (void)a, (void)b;                                                            \
            sum += (double)(dy[j] * (by_b));                                             \
        }                                                                                \
        return sum;                                                                      \
    }                                                                                    \
    static const struct binary name##_rows = { name##_forward, name##_da, name##_db,     \
                                               name##_db_sum };

BINARY(add, a + b, 1.0f, 1.0f)
BINARY(sub, a - b, 1.0f, -1.0f)
BINARY(mul, a * b, b, a)
BINARY(div, a / b, 1.0f / b, -a / (b * b))

struct binary_args {
    const struct binary *rows;
};

/* Row i of b, or the one that stands for all. */
static int64_t row_of_b(const struct tr_tensor *b, int64_t i)
{
    return tr_tensor_rows(b) == 1 ? 0 : i;
}

static void binary_forward(struct tr_node *nd)
{
    const struct binary *f = ((const struct binary_args *)nd->args)->rows;
    const struct tr_tensor *a = nd->in[A], *b = nd->in[B], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    int step = tr_tensor_cols(b) == width;
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        f->forward(tr_tensor_row(a, i), tr_tensor_row(b, row_of_b(b, i)), step,
                   tr_tensor_row(y, i), width);
}

static void sum_into_a(const struct binary *f, const struct tr_node *nd)
{
    const struct tr_tensor *a = nd->in[A], *b = nd->in[B], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    int step = tr_tensor_cols(b) == width, add = tr_op_grad_beta(nd->in[A]);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        f->da(tr_tensor_row(a, i), tr_tensor_row(b, row_of_b(b, i)), step,
              tr_tensor_grad_row(y, i), tr_tensor_grad_row(a, i), width, add);
}

/* b is as wide as y.  Where a row stands for all, a thread owns columns, so that the order
 * of the sum does not depend on how many there are. */
static void sum_into_wide_b(const struct binary *f, const struct tr_node *nd)
{
    enum { COLUMNS = 64 };
    const struct tr_tensor *a = nd->in[A], *b = nd->in[B], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t j = 0; j < width; j += COLUMNS) {
        int64_t wide = width - j < COLUMNS ? width - j : COLUMNS;
        for (int64_t i = 0; i < n; i++) {
            int64_t r = row_of_b(b, i);
            f->db(tr_tensor_row(a, i) + j, tr_tensor_row(b, r) + j,
                  tr_tensor_grad_row(y, i) + j, tr_tensor_grad_row(b, r) + j, wide);
        }
    }
}

/* b has one column: the sums of the rows, then those of all rows in order. */
static void sum_into_narrow_b(const struct binary *f, const struct tr_node *nd)
{
    const struct tr_tensor *a = nd->in[A], *b = nd->in[B], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    size_t mark = tr_arena_mark(nd->scratch);
    double *sum = tr_arena_array(nd->scratch, (size_t)n, sizeof *sum), all = 0;
#pragma omp parallel for schedule(static) if (tr__many(n, width))
    for (int64_t i = 0; i < n; i++)
        sum[i] = f->db_sum(tr_tensor_row(a, i), *tr_tensor_row(b, row_of_b(b, i)),
                           tr_tensor_grad_row(y, i), width);
    for (int64_t i = 0; i < n; i++)
        all += sum[i];
    if (tr_tensor_rows(b) == 1)
        *tr_tensor_grad_row(b, 0) += (float)all;
    else
        for (int64_t i = 0; i < n; i++)
            *tr_tensor_grad_row(b, i) += (float)sum[i];
    tr_arena_rewind(nd->scratch, mark);
}

static void binary_backward(struct tr_node *nd)
{
    const struct binary *f = ((const struct binary_args *)nd->args)->rows;
    if (nd->in[A]->grad)
        sum_into_a(f, nd);
    if (!nd->in[B]->grad)
        return;
    if (tr_tensor_cols(nd->in[B]) == tr_tensor_cols(nd->out))
        sum_into_wide_b(f, nd);
    else
        sum_into_narrow_b(f, nd);
}

static size_t binary_scratch(const struct tr_node *nd, int backward)
{
    return backward ? (size_t)tr_tensor_rows(nd->out) * sizeof(double) : 0;
}

static struct tr_tensor *binary(struct tr_tape *tp, const struct tr_op *op,
                                const struct binary *rows, struct tr_tensor *a,
                                struct tr_tensor *b)
{
    tr_op_require(tp, a && b && a->dtype == &tr_f32 && b->dtype == &tr_f32, op, a, b);
    int64_t n = tr_tensor_rows(a), width = tr_tensor_cols(a);
    tr_op_require(tp, tr_tensor_rows(b) == n || tr_tensor_rows(b) == 1, op, a, b);
    tr_op_require(tp, tr_tensor_cols(b) == width || tr_tensor_cols(b) == 1, op, a, b);
    struct binary_args args = { rows };
    struct tr_tensor *y = tr_op_output(tp, op, 2, (int64_t[]){ n, width });
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { a, b },
                                               .out = y,
                                               .args = &args,
                                               .args_bytes = sizeof args });
}

/* ---- operations -------------------------------------------------------------------- */

struct tr_tensor *tr_exp(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_exp, &exp_rows, 0, x);
}

struct tr_tensor *tr_log(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_log, &log_rows, 0, x);
}

struct tr_tensor *tr_scale(struct tr_tape *tp, struct tr_tensor *x, float by)
{
    return tr__map(tp, &tr__op_scale, &scale_rows, by, x);
}

struct tr_tensor *tr_add(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b)
{
    return binary(tp, &tr__op_add, &add_rows, a, b);
}

struct tr_tensor *tr_sub(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b)
{
    return binary(tp, &tr__op_sub, &sub_rows, a, b);
}

struct tr_tensor *tr_mul(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b)
{
    return binary(tp, &tr__op_mul, &mul_rows, a, b);
}

struct tr_tensor *tr_div(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b)
{
    return binary(tp, &tr__op_div, &div_rows, a, b);
}

TR__MAP_OP(exp)
TR__MAP_OP(log)
TR__MAP_OP(scale)

#define BINARY_OP(op_name)                                                               \
    const struct tr_op tr__op_##op_name = {                                              \
        .name = #op_name,                                                                \
        .forward = binary_forward,                                                       \
        .backward = binary_backward,                                                     \
        .scratch = binary_scratch,                                                       \
        .fills = 1u << A,                                                                \
        .cheap = 1,                                                                      \
    };
BINARY_OP(add)
BINARY_OP(sub)
BINARY_OP(mul)
BINARY_OP(div)
