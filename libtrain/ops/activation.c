/* SPDX-License-Identifier: MIT
 *
 * Activations of the MLP; derivations in docs/maths/activation.md.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/ops.h>

/* silu(x) = x s(x), s the logistic function. */
static inline float silu(float x)
{
    return x * tr__sigmoidf(x);
}

static inline float silu_slope(float x)
{
    return tr__sigmoidf(x) + x * tr__sigmoid_slopef(x);
}

/* 0.5 (1 + tanh(u)) = s(2u), so gelu(x) = x s(z), z = 2 sqrt(2/pi) (x + 0.044715 x^3): the
 * digits of the negative side are not lost in a difference. */
static inline float gelu_z(float x)
{
    return x * (1.59576912f + 0.0713548163f * (x * x));
}

static inline float gelu(float x)
{
    return x * tr__sigmoidf(gelu_z(x));
}

static inline float gelu_slope(float x)
{
    float z = gelu_z(x), dz = 1.59576912f + 0.214064449f * (x * x);
    float slope = tr__sigmoid_slopef(z);
    return tr__sigmoidf(z) + (slope > 0.0f ? x * dz * slope : 0.0f); /* no inf * 0 */
}

/* ---- y = act(gate) * up ----------------------------------------------------------- */

enum { GATE, UP };

/* One row of an activation and of its gradients, which are added to or, if `add` is 0,
 * written.  Kept out of the parallel loops so that the calls inside can be vector code. */
struct gated {
    void (*forward)(const float *gate, const float *up, float *y, int64_t n);
    void (*dgate)(const float *gate, const float *up, const float *dy, float *dgate,
                  int64_t n, int add);
    void (*dup)(const float *gate, const float *dy, float *dup, int64_t n, int add);
};

#define GATED_ROWS(act)                                                                  \
    static void act##_gated(const float *gate, const float *up, float *y, int64_t n)     \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++)                                                  \
            y[j] = act(gate[j]) * up[j];                                                 \
    }                                                                                    \
    static void act##_dgate(const float *gate, const float *up, const float *dy,         \
                            float *dgate, int64_t n, int add)                            \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++)                                                  \
            dgate[j] = dy[j] * up[j] * act##_slope(gate[j]) + (add ? dgate[j] : 0);      \
    }                                                                                    \
    static void act##_dup(const float *gate, const float *dy, float *dup, int64_t n,     \
                          int add)                                                       \
    {                                                                                    \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++)                                                  \
            dup[j] = dy[j] * act(gate[j]) + (add ? dup[j] : 0);                          \
    }
GATED_ROWS(silu)
GATED_ROWS(gelu)

static void gated_forward(const struct tr_node *nd, const struct gated *act)
{
    const struct tr_tensor *gate = nd->in[GATE], *up = nd->in[UP], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++)
        act->forward((const float *)gate->data + i * gate->ld,
                     (const float *)up->data + i * up->ld, (float *)y->data + i * y->ld,
                     width);
}

static void gated_backward(const struct tr_node *nd, const struct gated *act)
{
    struct tr_tensor *gate = nd->in[GATE], *up = nd->in[UP], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    int add_gate = gate->grad && tr_op_grad_beta(gate);
    int add_up = up->grad && tr_op_grad_beta(up);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float *g = (const float *)gate->data + i * gate->ld;
        const float *u = (const float *)up->data + i * up->ld;
        const float *dy = y->grad + i * y->ld;
        if (gate->grad)
            act->dgate(g, u, dy, gate->grad + i * gate->ld, width, add_gate);
        if (up->grad)
            act->dup(g, dy, up->grad + i * up->ld, width, add_up);
    }
}

static struct tr_tensor *gated(struct tr_tape *tp, const struct tr_op *op,
                               struct tr_tensor *gate, struct tr_tensor *up)
{
    tr_op_require(tp, gate && up && tr_tensor_cols(gate) == tr_tensor_cols(up) &&
                  tr_tensor_rows(gate) == tr_tensor_rows(up), op, gate, up);
    int64_t dim[] = { tr_tensor_rows(gate), tr_tensor_cols(gate) };
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { gate, up },
                                                .out = tr_op_output(tp, op, 2, dim) });
}

/* ---- SwiGLU and GeGLU  (Shazeer 2020) --------------------------------------------- */

static const struct gated silu_rows = { silu_gated, silu_dgate, silu_dup };
static const struct gated gelu_rows = { gelu_gated, gelu_dgate, gelu_dup };

static void swiglu_forward(struct tr_node *nd)
{
    gated_forward(nd, &silu_rows);
}

static void swiglu_backward(struct tr_node *nd)
{
    gated_backward(nd, &silu_rows);
}

static void geglu_forward(struct tr_node *nd)
{
    gated_forward(nd, &gelu_rows);
}

static void geglu_backward(struct tr_node *nd)
{
    gated_backward(nd, &gelu_rows);
}

const struct tr_op tr__op_swiglu = {
    .name = "swiglu",
    .forward = swiglu_forward,
    .backward = swiglu_backward,
    .fills = 1u << GATE | 1u << UP,
    .cheap = 1,
};

const struct tr_op tr__op_geglu = {
    .name = "geglu",
    .forward = geglu_forward,
    .backward = geglu_backward,
    .fills = 1u << GATE | 1u << UP,
    .cheap = 1,
};

struct tr_tensor *tr_swiglu(struct tr_tape *tp, struct tr_tensor *gate,
                            struct tr_tensor *up)
{
    return gated(tp, &tr__op_swiglu, gate, up);
}

struct tr_tensor *tr_geglu(struct tr_tape *tp, struct tr_tensor *gate,
                           struct tr_tensor *up)
{
    return gated(tp, &tr__op_geglu, gate, up);
}

/* ---- GELU ------------------------------------------------------------------------- */

static void gelu_row(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        y[j] = gelu(x[j]);
}

static void gelu_dx(const float *x, const float *dy, float *dx, int64_t n, int add)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        dx[j] = dy[j] * gelu_slope(x[j]) + (add ? dx[j] : 0);
}

static void gelu_forward(struct tr_node *nd)
{
    const struct tr_tensor *x = nd->in[0], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++)
        gelu_row((const float *)x->data + i * x->ld, (float *)y->data + i * y->ld, width);
}

static void gelu_backward(struct tr_node *nd)
{
    struct tr_tensor *x = nd->in[0];
    const struct tr_tensor *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    int add = tr_op_grad_beta(x);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        gelu_dx((const float *)x->data + i * x->ld, y->grad + i * y->ld,
                x->grad + i * x->ld, width, add);
}

const struct tr_op tr__op_gelu = {
    .name = "gelu",
    .forward = gelu_forward,
    .backward = gelu_backward,
    .fills = 1u,
    .cheap = 1,
};

struct tr_tensor *tr_gelu(struct tr_tape *tp, struct tr_tensor *x)
{
    const struct tr_op *op = &tr__op_gelu;
    int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { x },
                                                .out = tr_op_output(tp, op, 2, dim) });
}
