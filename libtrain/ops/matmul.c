/* SPDX-License-Identifier: MIT
 *
 * The product of two activations, either of which may be taken transposed.  With a weight,
 * which may be packed or frozen, see linear.c.  Derivation: docs/maths/matmul.md.
 */
#include <libtrain/ops/ops.h>

enum { A, B };

struct matmul_args {
    struct tr_matmul opt;
    int64_t k; /* what is summed over */
};

/* A stored matrix, and whether the product takes it as it is. */
struct side {
    const float *data;
    int64_t ld;
    int transposed;
};

/* c (m, n) = alpha * a (m, k) b (k, n) + beta * c */
static void multiply(struct side a, struct side b, int64_t m, int64_t n, int64_t k,
                     float alpha, float beta, float *c, int64_t ldc)
{
    tr__gemm_f32(&(struct tr__gemm){ .ta = a.transposed, .tb = b.transposed,
                                     .m = m, .n = n, .k = k, .alpha = alpha,
                                     .lda = a.ld, .ldb = b.ld, .beta = beta, .ldc = ldc },
                 a.data, b.data, c);
}

static struct side flip(struct side s)
{
    s.transposed = !s.transposed;
    return s;
}

static struct side side_of(const struct tr_tensor *t, int transposed)
{
    return (struct side){ t->data, t->ld, transposed };
}

static void matmul_forward(struct tr_node *nd)
{
    const struct matmul_args *args = nd->args;
    const struct tr_tensor *y = nd->out;
    multiply(side_of(nd->in[A], args->opt.transpose_a),
             side_of(nd->in[B], args->opt.transpose_b), tr_tensor_rows(y),
             tr_tensor_cols(y), args->k, args->opt.scale, 0, y->data, y->ld);
}

/* da = dy b^T, db = a^T dy; where a factor was taken transposed, its gradient is the
 * transposed product. */
static void matmul_backward(struct tr_node *nd)
{
    const struct matmul_args *args = nd->args;
    const struct tr_tensor *y = nd->out;
    struct tr_tensor *ta = nd->in[A], *tb = nd->in[B];
    int64_t m = tr_tensor_rows(y), n = tr_tensor_cols(y), k = args->k;
    float scale = args->opt.scale;
    struct side a = side_of(ta, args->opt.transpose_a);
    struct side b = side_of(tb, args->opt.transpose_b), dy = { y->grad, y->ld, 0 };
    if (ta->grad) {
        float beta = (float)tr_op_grad_beta(ta);
        if (a.transposed)
            multiply(b, flip(dy), k, m, n, scale, beta, ta->grad, ta->ld);
        else
            multiply(dy, flip(b), m, k, n, scale, beta, ta->grad, ta->ld);
    }
    if (tb->grad) {
        float beta = (float)tr_op_grad_beta(tb);
        if (b.transposed)
            multiply(flip(dy), a, n, k, m, scale, beta, tb->grad, tb->ld);
        else
            multiply(flip(a), dy, k, n, m, scale, beta, tb->grad, tb->ld);
    }
}

static size_t matmul_library(const struct tr_node *nd)
{
    const struct matmul_args *args = nd->args;
    return tr__gemm_f32_library(tr_tensor_rows(nd->out), tr_tensor_cols(nd->out), args->k);
}

static double matmul_work(const struct tr_node *nd, int backward)
{
    const struct matmul_args *args = nd->args;
    int products = backward ? nd->in[A]->needs_grad + nd->in[B]->needs_grad : 1;
    return 2.0 * products * (double)tr_tensor_count(nd->out) * (double)args->k;
}

const struct tr_op tr__op_matmul = {
    .name = "matmul",
    .forward = matmul_forward,
    .backward = matmul_backward,
    .library = matmul_library,
    .work = matmul_work,
    .fills = 1u << A | 1u << B,
};

struct tr_tensor *tr_matmul(struct tr_tape *tp, struct tr_tensor *a, struct tr_tensor *b,
                            const struct tr_matmul *opt)
{
    const struct tr_op *op = &tr__op_matmul;
    struct matmul_args args = { .opt = opt ? *opt : (struct tr_matmul){ 0 } };
    if (args.opt.scale == 0)
        args.opt.scale = 1;
    tr_op_require(tp, a && b && a->dtype == &tr_f32 && b->dtype == &tr_f32, op, a, b);
    int ta = args.opt.transpose_a, tb = args.opt.transpose_b;
    int64_t m = ta ? tr_tensor_cols(a) : tr_tensor_rows(a);
    int64_t n = tb ? tr_tensor_rows(b) : tr_tensor_cols(b);
    args.k = ta ? tr_tensor_rows(a) : tr_tensor_cols(a);
    tr_op_require(tp, args.k == (tb ? tr_tensor_cols(b) : tr_tensor_rows(b)), op, a, b);
    struct tr_tensor *y = tr_op_output(tp, op, 2, (int64_t[]){ m, n });
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { a, b },
                                               .out = y,
                                               .args = &args,
                                               .args_bytes = sizeof args });
}
