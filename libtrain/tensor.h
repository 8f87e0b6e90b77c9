/* SPDX-License-Identifier: MIT
 *
 * A tensor is a description of numbers that live elsewhere: in an arena, in the flat
 * arrays of the parameters, or in the map of a GGUF.  It owns nothing.
 *
 * Shapes are row-major, slowest dimension first: a weight that maps n_in numbers to n_out
 * is (n_out, n_in), a batch of activations is (positions, width).
 */
#ifndef LIBTRAIN_TENSOR_H
#define LIBTRAIN_TENSOR_H

#include <libtrain/dtype.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_MAX_DIM = 4 };

struct tr__products;

struct tr_tensor {
    const char *name; /* NULL for intermediate results */
    const struct tr_dtype *dtype;
    int n_dim;
    int64_t dim[TR_MAX_DIM];
    int64_t ld;     /* numbers from one row to the next; == dim[n_dim - 1] unless a view */
    void *data;     /* in dtype; a NULL in a tape that only plans */
    float *grad;    /* same shape and ld as data, or NULL while there is none */
    int needs_grad; /* backward must fill grad */
    int grad_empty; /* grad stands for zeros, whatever its numbers are */
    int minus_exp;  /* of a parameter, f32: what is trained is theta, and this is
                       -exp(theta); grad is that of this */
    float rate;     /* of a parameter: factor of the learning rate; 0: 1 */
    int linear;     /* of a parameter: it maps one vector to another, or is several that do */
    const struct tr__products *products; /* how it multiplies, a weight; NULL: in f32 */

    /* Set by the tape: */
    struct tr_tensor *alias; /* data and grad are those of this tensor, from `offset` on */
    int64_t offset;
    int kept;      /* data stay until backward; else they are recomputed there */
    int is_half;   /* they stay as F16, in half */
    uint16_t *half;
    int is_result; /* of a segment: its gradient is handed to the segment before */
    int has_grad;  /* grad was made in this reverse sweep */
    int i_segment; /* where on the tape it was made; -1: outside, a parameter or input */
    int reader;    /* of a parameter: 1 + the segment that read it; 0: none did yet */
    int shared;    /* several segments read it, tr_tape_share made it; of a parameter: or
                      forward adds to its grad */
    int grad_early; /* of a parameter: forward added to its grad, the reverse sweep that
                       completes it is still to come */

    int64_t index; /* of a parameter: its number, set by params.h */
};

/* A tensor over numbers that exist already. */
struct tr_tensor tr_tensor_make(const char *name, const struct tr_dtype *dtype, int n_dim,
                                const int64_t *dim, void *data);

/* Write the zeros that an empty grad stands for.  t is no view. */
void tr_tensor_settle_grad(struct tr_tensor *t);

/* Product of all dimensions; rows = product of all but the last. */
int64_t tr_tensor_count(const struct tr_tensor *t);
int64_t tr_tensor_rows(const struct tr_tensor *t);
int64_t tr_tensor_cols(const struct tr_tensor *t);

/* Row i of f32 data, and of the gradient. */
static inline float *tr_tensor_row(const struct tr_tensor *t, int64_t i)
{
    return (float *)t->data + i * t->ld;
}
static inline float *tr_tensor_grad_row(const struct tr_tensor *t, int64_t i)
{
    return t->grad + i * t->ld;
}

#ifdef __cplusplus
}
#endif
#endif
