/* SPDX-License-Identifier: MIT
 *
 * What the file of an operation needs: the const struct it ends with, the node it is
 * handed, and the calls that make outputs.
 *
 * An op call (1) checks shapes with tr__require, (2) makes its output with tr__output or
 * tr__alias, (3) puts typed arguments into nd->args, (4) calls tr__run, which computes and
 * records.  forward and backward see only the node.  backward adds to in[i]->grad wherever
 * that is not NULL; out->grad holds the finished gradient of the output.  A pass over memory
 * is saved where an operation `fills` the gradient of an input: it asks tr__grad_beta, and
 * writes where it would have added if that says 0.
 *
 * forward may run twice (see tape.h): it must give the same bits again, and it may not
 * change its inputs, except where out is an alias.
 */
#ifndef LIBTRAIN_OP_H
#define LIBTRAIN_OP_H

#include <libtrain/arena.h>
#include <libtrain/tape.h>
#include <libtrain/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_MAX_IN = 4 };

struct tr_node {
    const struct tr_op *op;
    struct tr_tensor *in[TR_MAX_IN]; /* unused ones are NULL */
    struct tr_tensor *out;
    void *args;               /* the op's own struct, copied by tr__run */
    float *saved;             /* (n_saved) numbers that forward leaves for backward */
    size_t n_saved;
    struct tr_arena *scratch; /* mark and rewind inside forward or backward */
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
    unsigned fills; /* bit i: all of the gradient of in[i], as tr__grad_beta says */
    int cheap; /* worth computing again rather than keeping */
    int once;  /* forward also adds to gradients: it must never run a second time */
};

/* The tensor whose memory t, a view or not, lies in. */
static inline struct tr_tensor *tr__root(struct tr_tensor *t)
{
    while (t->alias)
        t = t->alias;
    return t;
}

/* What becomes of the gradient of t when something is added: 0 if it was empty, from now on
 * it is not, or 1. */
static inline int tr__grad_beta(struct tr_tensor *t)
{
    struct tr_tensor *root = tr__root(t);
    int beta = !root->grad_empty;
    root->grad_empty = 0;
    return beta;
}

/* A new f32 tensor for the output of op, data to be filled by forward. */
struct tr_tensor *tr__output(struct tr_tape *tp, const struct tr_op *op, int n_dim,
                             const int64_t *dim);
/* An output that is written over `in` or views part of it, from number `offset` on. */
struct tr_tensor *tr__alias(struct tr_tape *tp, struct tr_tensor *in, int64_t offset,
                            int64_t rows, int64_t cols);

struct tr__call {
    const struct tr_op *op;
    struct tr_tensor *in[TR_MAX_IN];
    struct tr_tensor *out;
    const void *args;
    size_t args_bytes;
    size_t n_saved; /* floats to be kept between forward and backward */
};

/* Run forward (unless planning), record the node if an input needs a gradient; returns
 * call->out. */
struct tr_tensor *tr__run(struct tr_tape *tp, const struct tr__call *call);

/* tr_fatal naming the op and the shapes of both tensors, unless ok. */
void tr__require(int ok, const struct tr_op *op, const struct tr_tensor *a,
                 const struct tr_tensor *b);

#ifdef __cplusplus
}
#endif
#endif
