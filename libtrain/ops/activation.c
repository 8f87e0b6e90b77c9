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

/* gelu(x) = x P(x), P the normal distribution function, whose density is P'. */
static inline float gelu_erf(float x)
{
    return x * tr__normalf(x);
}

static inline float gelu_erf_slope(float x)
{
    return tr__normalf(x) + 0.39894228f * x * tr__bellf(x);
}

static inline float relu2(float x)
{
    return relu(x) * relu(x);
}

static inline float relu2_slope(float x)
{
    return 2.0f * relu(x);
}

/* ---- y = act(gate) * up ----------------------------------------------------------- */

enum { GATE, UP };

/* Numbers of the clamped form. */
struct clamp {
    float alpha, limit;
};

/* One row of an activation and of its gradients, which are added to or, if `add` is 0,
 * written.  Kept out of the parallel loops so that the calls inside can be vector code. */
struct gated {
    void (*forward)(const float *gate, const float *up, float *y, int64_t n,
                    struct clamp c);
    void (*dgate)(const float *gate, const float *up, const float *dy, float *dgate,
                  int64_t n, struct clamp c, int add);
    void (*dup)(const float *gate, const float *up, const float *dy, float *dup, int64_t n,
                struct clamp c, int add);
};

struct gated_args {
    const struct gated *rows;
    struct clamp c;
};

/* Of the value and the gradients, as expressions in g, u, dy and c. */
#define GATED_ROWS(name, value, by_gate, by_up)                                          \
    static void name##_forward(const float *gate, const float *up, float *y, int64_t n,  \
                               struct clamp c)                                           \
    {                                                                                    \
        (void)c;                                                                         \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++) {                                                \
            float g = gate[j], u = up[j];                                                \
            y[j] = value;                                                                \
        }                                                                                \
    }                                                                                    \
    static void name##_dgate(const float *gate, const float *up, const float *pdy,       \
                             float *dgate, int64_t n, struct clamp c, int add)           \
    {                                                                                    \
        (void)c;                                                                         \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++) {                                                \
            float g = gate[j], u = up[j], dy = pdy[j];                                   \
            dgate[j] = by_gate + (add ? dgate[j] : 0);                                   \
        }                                                                                \
    }                                                                                    \
    static void name##_dup(const float *gate, const float *up, const float *pdy,         \
                           float *dup, int64_t n, struct clamp c, int add)               \
    {                                                                                    \
        (void)c;                                                                         \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++) {                                                \
            float g = gate[j], u = up[j], dy = pdy[j];                                   \
            (void)u;                                                                     \
            dup[j] = by_up + (add ? dup[j] : 0);                                         \
        }                                                                                \
    }                                                                                    \
    static const struct gated name##_rows = { name##_forward, name##_dgate, name##_dup };

static void gated_forward(struct tr_node *nd)
{
    const struct gated_args *args = nd->args;
    const struct tr_tensor *gate = nd->in[GATE], *up = nd->in[UP], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static) if (n > 1)
    for (int64_t i = 0; i < n; i++)
        args->rows->forward(tr_tensor_row(gate, i), tr_tensor_row(up, i),
                            tr_tensor_row(y, i), width, args->c);
}

static void gated_backward(struct tr_node *nd)
{
    const struct gated_args *args = nd->args;
    struct tr_tensor *gate = nd->in[GATE], *up = nd->in[UP], *y = nd->out;
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y);
    int add_gate = gate->grad && tr_op_grad_beta(gate);
    int add_up = up->grad && tr_op_grad_beta(up);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        const float *g = tr_tensor_row(gate, i), *u = tr_tensor_row(up, i);
        const float *dy = tr_tensor_grad_row(y, i);
        if (gate->grad)
            args->rows->dgate(g, u, dy, tr_tensor_grad_row(gate, i), width, args->c,
                              add_gate);
        if (up->grad)
            args->rows->dup(g, u, dy, tr_tensor_grad_row(up, i), width, args->c, add_up);
    }
}

static struct tr_tensor *gated(struct tr_tape *tp, const struct tr_op *op,
                               const struct gated *rows, struct clamp c,
                               struct tr_tensor *gate, struct tr_tensor *up)
{
    tr_op_require(tp, gate && up && tr_tensor_cols(gate) == tr_tensor_cols(up) &&
                  tr_tensor_rows(gate) == tr_tensor_rows(up), op, gate, up);
    int64_t dim[] = { tr_tensor_rows(gate), tr_tensor_cols(gate) };
    struct gated_args args = { rows, c };
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { gate, up },
                                                .out = tr_op_output(tp, op, 2, dim),
                                                .args = &args,
                                                .args_bytes = sizeof args });
}

#define GATED_OP(op_name)                                                                \
    const struct tr_op tr__op_##op_name = {                                              \
        .name = #op_name,                                                                \
        .forward = gated_forward,                                                        \
        .backward = gated_backward,                                                      \
        .fills = 1u << GATE | 1u << UP,                                                  \
        .cheap = 1,                                                                      \
    };

/* ---- SwiGLU and GeGLU  (Shazeer 2020), and the clamped form ------------------------ */

/* A number that is none stays so, here too. */
static inline float at_most(float x, float limit)
{
    return x > limit ? limit : x;
}

static inline float within(float x, float limit)
{
    return at_most(x < -limit ? -limit : x, limit);
}

static inline float steep_silu(float x, float alpha)
{
    return x * tr__sigmoidf(alpha * x);
}

static inline float steep_silu_slope(float x, float alpha)
{
    return silu_slope(alpha * x);
}

GATED_ROWS(swiglu, silu(g) * u, dy * u * silu_slope(g), dy * silu(g))
GATED_ROWS(geglu, gelu(g) * u, dy * u * gelu_slope(g), dy * gelu(g))
GATED_ROWS(swiglu_clamped,
           steep_silu(at_most(g, c.limit), c.alpha) * (within(u, c.limit) + 1.0f),
           (g > c.limit ? 0.0f : dy * (within(u, c.limit) + 1.0f) *
                                     steep_silu_slope(g, c.alpha)),
           (fabsf(u) > c.limit ? 0.0f : dy * steep_silu(at_most(g, c.limit), c.alpha)))

GATED_OP(swiglu)
GATED_OP(geglu)
GATED_OP(swiglu_clamped)

struct tr_tensor *tr_swiglu(struct tr_tape *tp, struct tr_tensor *gate,
                            struct tr_tensor *up)
{
    return gated(tp, &tr__op_swiglu, &swiglu_rows, (struct clamp){ 0, 0 }, gate, up);
}

struct tr_tensor *tr_geglu(struct tr_tape *tp, struct tr_tensor *gate,
                           struct tr_tensor *up)
{
    return gated(tp, &tr__op_geglu, &geglu_rows, (struct clamp){ 0, 0 }, gate, up);
}

struct tr_tensor *tr_swiglu_clamped(struct tr_tape *tp, struct tr_tensor *gate,
                                    struct tr_tensor *up, float alpha, float limit)
{
    return gated(tp, &tr__op_swiglu_clamped, &swiglu_clamped_rows,
                 (struct clamp){ alpha, limit }, gate, up);
}

/* ---- y = act(x) ------------------------------------------------------------------- */

TR__MAP_ROWS(relu, relu, relu_slope)
TR__MAP_ROWS(silu, silu, silu_slope)
TR__MAP_ROWS(gelu, gelu, gelu_slope)
TR__MAP_ROWS(gelu_erf, gelu_erf, gelu_erf_slope)
TR__MAP_ROWS(relu2, relu2, relu2_slope)
TR__MAP_ROWS(tanh, tr__tanhf, tanh_slope)
TR__MAP_ROWS(sigmoid, tr__sigmoidf, tr__sigmoid_slopef)
TR__MAP_ROWS(softplus, tr__softplusf, tr__sigmoidf)

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

struct tr_tensor *tr_gelu_erf(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_gelu_erf, &gelu_erf_rows, 0, x);
}

struct tr_tensor *tr_relu2(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_relu2, &relu2_rows, 0, x);
}

struct tr_tensor *tr_tanh(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_tanh, &tanh_rows, 0, x);
}

struct tr_tensor *tr_sigmoid(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_sigmoid, &sigmoid_rows, 0, x);
}

struct tr_tensor *tr_softplus(struct tr_tape *tp, struct tr_tensor *x)
{
    return tr__map(tp, &tr__op_softplus, &softplus_rows, 0, x);
}

TR__MAP_OP(relu)
TR__MAP_OP(silu)
TR__MAP_OP(gelu)
TR__MAP_OP(gelu_erf)
TR__MAP_OP(relu2)
TR__MAP_OP(tanh)
TR__MAP_OP(sigmoid)
TR__MAP_OP(softplus)
