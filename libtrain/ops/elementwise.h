/* SPDX-License-Identifier: MIT
 *
 * Functions of one number, applied to every number of a tensor: a pair of loops over a row
 * is all that such an operation has of its own.
 */
#ifndef LIBTRAIN_OPS_ELEMENTWISE_H
#define LIBTRAIN_OPS_ELEMENTWISE_H

#include <libtrain/ops/ops.h>

/* One row of y = f(x) and of dx = dy f'(x), which is added to or, if `add` is 0, written.
 * They stand apart from the parallel loops so that the calls inside can be vector code.
 * c: a number that belongs to the operation. */
struct tr__map {
    void (*forward)(const float *x, float *y, int64_t n, float c);
    void (*backward)(const float *x, const float *dy, float *dx, int64_t n, float c,
                     int add);
};

/* NAME_rows, of two inline functions of a float. */
#define TR__MAP_ROWS(name, value, slope)                                                 \
    static void name##_forward(const float *x, float *y, int64_t n, float c)             \
    {                                                                                    \
        (void)c;                                                                         \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++)                                                  \
            y[j] = value(x[j]);                                                          \
    }                                                                                    \
    static void name##_backward(const float *x, const float *dy, float *dx, int64_t n,   \
                                float c, int add)                                        \
    {                                                                                    \
        (void)c;                                                                         \
        _Pragma("omp simd")                                                              \
        for (int64_t j = 0; j < n; j++)                                                  \
            dx[j] = dy[j] * slope(x[j]) + (add ? dx[j] : 0);                             \
    }                                                                                    \
    static const struct tr__map name##_rows = { name##_forward, name##_backward };

/* Such an operation, and the call of it. */
#define TR__MAP_OP(op_name)                                                              \
    const struct tr_op tr__op_##op_name = {                                              \
        .name = #op_name,                                                                \
        .forward = tr__map_forward,                                                      \
        .backward = tr__map_backward,                                                    \
        .fills = 1u,                                                                     \
        .cheap = 1,                                                                      \
    };
void tr__map_forward(struct tr_node *nd);
void tr__map_backward(struct tr_node *nd);
struct tr_tensor *tr__map(struct tr_tape *tp, const struct tr_op *op,
                          const struct tr__map *rows, float c, struct tr_tensor *x);

/* Is there enough to do for several threads? */
static inline int tr__many(int64_t rows, int64_t cols)
{
    return rows > 1 && rows * cols > 4096;
}

#endif
