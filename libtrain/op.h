/* SPDX-License-Identifier: MIT
 *
 * What an operation is made of: the const struct that describes it, the node it is handed,
 * and the calls that make outputs.  The library's own are in ops/; a program may have its
 * own, which are no different.  y = x^2:
 *
 *     static void square_forward(struct tr_node *nd)
 *     {
 *         const struct tr_tensor *x = nd->in[0], *y = nd->out;
 *         for (int64_t i = 0; i < tr_tensor_rows(y); i++)
 *             for (int64_t j = 0; j < tr_tensor_cols(y); j++)
 *                 tr_tensor_row(y, i)[j] = tr_tensor_row(x, i)[j] * tr_tensor_row(x, i)[j];
 *     }
 *
 *     static void square_backward(struct tr_node *nd)      // dx += 2 x dy
 *     {
 *         const struct tr_tensor *x = nd->in[0], *y = nd->out;
 *         for (int64_t i = 0; i < tr_tensor_rows(y); i++)
 *             for (int64_t j = 0; j < tr_tensor_cols(y); j++)
 *                 tr_tensor_grad_row(x, i)[j] +=
 *                     2 * tr_tensor_row(x, i)[j] * tr_tensor_grad_row(y, i)[j];
 *     }
 *
 *     static const struct tr_op op_square = { .name = "square",
 *                                             .forward = square_forward,
 *                                             .backward = square_backward };
 *
 *     struct tr_tensor *square(struct tr_tape *tp, struct tr_tensor *x)
 *     {
 *         int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
 *         struct tr_op_call call = { .op = &op_square, .in = { x } };
 *         call.out = tr_op_output(tp, &op_square, 2, dim);
 *         return tr_op_run(tp, &call);
 *     }
 *
 * A call (1) checks shapes with tr_op_require, (2) makes its output with tr_op_output or
 * tr_op_alias, (3) may add arguments of its own, (4) calls tr_op_run, which computes and
 * records.  forward and backward see only the node.  Rows of a tensor are `ld` numbers
 * apart, since it may be a view of columns.  backward adds to the gradient of in[i]
 * wherever there is one: nd->in[i]->grad is NULL where none is wanted (of a single input
 * there is one whenever backward is called); nd->out->grad is the finished gradient of the
 * output.
 * tr_gradcheck (gradcheck.h) tells whether it is right.
 *
 * An operation that cannot go on says so with tr_err_set(&nd->scratch->err, ...), and the
 * tape has failed.
 *
 * forward may run twice (see tape.h): it must give the same bits again, and it may not
 * change its inputs, except where out is an alias.
 *
 * A pass over memory is saved where an operation `fills` the gradient of an input: it asks
 * tr_op_grad_beta, and writes where it would have added if that says 0.
 */
#ifndef LIBTRAIN_OP_H
#define LIBTRAIN_OP_H

#include <libtrain/arena.h>
#include <libtrain/tape.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_MAX_IN = 16 };

struct tr_node {
    const struct tr_op *op;
    struct tr_tensor *in[TR_MAX_IN]; /* unused ones are NULL */
    struct tr_tensor *out;
    void *args;               /* the op's own struct, copied by tr_op_run */
    float *saved;             /* (n_saved) numbers that forward leaves for backward */
    size_t n_saved;
    struct tr_arena *scratch; /* mark and rewind inside forward or backward; what `scratch`
                                 of the op says can be had */
    int with_grad;            /* backward will follow */
};

struct tr_op {
    const char *name;
    void (*forward)(struct tr_node *nd);
    void (*backward)(struct tr_node *nd);
    /* Upper bound of the scratch bytes that forward (0) or backward (1) takes; NULL: none.
     * Data pointers may be NULL here and in the next two. */
    size_t (*scratch)(const struct tr_node *nd, int backward);
    /* Bytes that a library behind its products takes for itself, about; NULL: none. */
    size_t (*library)(const struct tr_node *nd);
    /* Floating-point operations of its matrix products; NULL: none worth counting. */
    double (*work)(const struct tr_node *nd, int backward);
    unsigned fills; /* bit i: all of the gradient of in[i], as tr_op_grad_beta says */
    int cheap; /* worth computing again rather than keeping: 1 always, 2 with short documents */
    int once;  /* forward also adds to gradients: it must never run a second time */
};

/* The tensor whose memory t, a view or not, lies in. */
static inline struct tr_tensor *tr_op_root(struct tr_tensor *t)
{
    while (t->alias)
        t = t->alias;
    return t;
}

/* What becomes of the gradient of t when something is added: 0 if it was empty, from now on
 * it is not, or 1. */
static inline int tr_op_grad_beta(struct tr_tensor *t)
{
    struct tr_tensor *root = tr_op_root(t);
    int beta = !root->grad_empty;
    root->grad_empty = 0;
    return beta;
}

/* A new f32 tensor for the output of op, data to be filled by forward. */
struct tr_tensor *tr_op_output(struct tr_tape *tp, const struct tr_op *op, int n_dim,
                               const int64_t *dim);
/* A new tensor of n i32 for the output of op, through which no gradient goes: op needs no
 * backward.  It is computed once and stays as it is until backward, however much is
 * computed again. */
struct tr_tensor *tr_op_integers(struct tr_tape *tp, const struct tr_op *op, int64_t n);
/* An output that is written over `in` or views part of it, from number `offset` on.  Its
 * rows are as far apart as those of `in`; the caller may set another ld. */
struct tr_tensor *tr_op_alias(struct tr_tape *tp, struct tr_tensor *in, int64_t offset,
                              int64_t rows, int64_t cols);

struct tr_op_call {
    const struct tr_op *op;
    struct tr_tensor *in[TR_MAX_IN];
    struct tr_tensor *out;
    const void *args;
    size_t args_bytes;
    size_t n_saved; /* floats to be kept between forward and backward */
};

/* Run forward (unless planning), record the node if an input needs a gradient; returns
 * call->out.  On a tape that has failed: neither. */
struct tr_tensor *tr_op_run(struct tr_tape *tp, const struct tr_op_call *call);

/* tr_fatal naming the op and the shapes of both tensors, unless ok.  Nothing on a tape that
 * has failed, whose tensors have no shapes. */
void tr_op_require(const struct tr_tape *tp, int ok, const struct tr_op *op,
                   const struct tr_tensor *a, const struct tr_tensor *b);

#ifdef __cplusplus
}
#endif
#endif
