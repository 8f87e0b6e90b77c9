/* SPDX-License-Identifier: MIT
 *
 * Activations, plain and with a gate as the MLP of a decoder has them; derivations in
 * docs/maths/activation.md.  Slopes are worked out from x, not from y, so that what follows
 * may be written over y.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/elementwise.h>

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

/* A number that is none stays so. */
static inline float relu(float x)
{
    return x < 0.0f ? 0.0f : x;
}

static inline float relu_slope(float x)
{
    return x > 0.0f ? 1.0f : 0.0f;
}

/* 1 - tanh^2 = 4 s'(2x): no digits are lost where tanh is nearly 1. */
static inline float tanh_slope(float x)
{
    return 4.0f * tr__sigmoid_slopef(2.0f * x);
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

static const struct gated silu_gate = { silu_gated, silu_dgate, silu_dup };
static const struct gated gelu_gate = { gelu_gated, gelu_dgate, gelu_dup };

static void swiglu_forward(struct tr_node *nd)
{
    gated_forward(nd, &silu_gate);
}

static void swiglu_backward(struct tr_node *nd)
{
    gated_backward(nd, &silu_gate);
}

static void geglu_forward(struct tr_node *nd)
{
    gated_forward(nd, &gelu_gate);
}

static void geglu_backward(struct tr_node *nd)
{
    gated_backward(nd, &gelu_gate);
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

/* ---- y = act(x) ------------------------------------------------------------------- */

TR__MAP_ROWS(relu, relu, relu_slope)
TR__MAP_ROWS(silu, silu, silu_slope)
TR__MAP_ROWS(gelu, gelu, gelu_slope)
TR__MAP_ROWS(tanh, tr__tanhf, tanh_slope)
TR__MAP_ROWS(sigmoid, tr__sigmoidf, tr__sigmoid_slopef)

struct tr_tensor *tr_relu(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_relu, &relu_rows, 0, x);
}

struct tr_tensor *tr_silu(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_silu, &silu_rows, 0, x);
}

struct tr_tensor *tr_gelu(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_gelu, &gelu_rows, 0, x);
}

struct tr_tensor *tr_tanh(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_tanh, &tanh_rows, 0, x);
}

struct tr_tensor *tr_sigmoid(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_sigmoid, &sigmoid_rows, 0, x);
}

TR__MAP_OP(relu)
TR__MAP_OP(silu)
TR__MAP_OP(gelu)
TR__MAP_OP(tanh)
TR__MAP_OP(sigmoid)
