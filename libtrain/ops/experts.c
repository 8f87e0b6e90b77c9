/* SPDX-License-Identifier: MIT
 *
 * Experts and their rows, as the operations of experts_linear.c and experts_out.c see them,
 * and how these are called.
 */
#include <libtrain/ops/experts.h>

#include <string.h>

enum { X = TR__EX_X, W = TR__EX_W, BIAS = TR__EX_BIAS, ADD = TR__EX_ADD,
       CHOICE = TR__EX_CHOICE, WEIGHT = TR__EX_WEIGHT };

/* Rows of a product: enough for its full rate. */
enum { PIECE = 256 };

int tr__next_piece(const struct tr__dispatch *d, struct tr__piece *p)
{
    p->row += p->n;
    while (p->e < d->n_expert && p->row == d->first[p->e + 1])
        p->e++;
    if (p->e == d->n_expert)
        return 0;
    int64_t left = d->first[p->e + 1] - p->row;
    p->n = left < PIECE ? left : PIECE;
    return 1;
}

/* An expert has a position once at most. */
int64_t tr__piece_rows(const struct tr__experts_args *args)
{
    return args->n < PIECE ? args->n : PIECE;
}

float *tr__piece_room(const struct tr_node *nd, int64_t width)
{
    return tr_arena_array(nd->scratch, (size_t)(tr__piece_rows(nd->args) * width),
                          sizeof(float));
}

size_t tr__piece_room_bytes(const struct tr_node *nd, int64_t width)
{
    return (size_t)(tr__piece_rows(nd->args) * width) * sizeof(float) + TR_ARENA_ALIGN;
}

struct tr__dispatch tr__experts_dispatch(const struct tr_node *nd)
{
    const struct tr__experts_args *args = nd->args;
    return tr__dispatch_of(nd->in[CHOICE], args->n, args->k, args->n_expert);
}

struct tr__matrix tr__expert_matrix(const struct tr_tensor *w, int64_t e)
{
    struct tr__matrix m = tr__as_matrix(w);
    m.rows = w->dim[1];
    m.varied = 1;
    int64_t numbers = m.rows * m.cols;
    if (m.data)
        m.data = (char *)m.data + e * (numbers / w->dtype->block * w->dtype->bytes);
    if (m.grad)
        m.grad += e * numbers;
    return m;
}

float *tr__expert_bias(const struct tr_tensor *w, float *bias, int64_t e)
{
    return bias ? bias + e * w->dim[1] : NULL;
}

void tr__piece_gather(const struct tr__dispatch *d, const struct tr__piece *p,
                      const float *x, int64_t ldx, int64_t width, float *to)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->n; i++)
        memcpy(to + i * width, x + tr__position(d, p->row + i) * ldx,
               (size_t)width * sizeof *to);
}

int tr__experts_begin_grad(const struct tr__dispatch *d, struct tr_tensor *w)
{
    int beta = tr_op_grad_beta(w);
    for (int e = 0; e < d->n_expert && !beta; e++) {
        struct tr__matrix m = tr__expert_matrix(w, e);
        if (d->first[e] == d->first[e + 1])
            memset(m.grad, 0, (size_t)(m.rows * m.cols) * sizeof *m.grad);
    }
    return beta;
}

float tr__piece_beta(const struct tr__dispatch *d, const struct tr__piece *p, int begun)
{
    return begun || p->row > d->first[p->e] ? 1.0f : 0.0f;
}

/* A planning tape does not know how rows fall: all may go to one expert, whose pieces are
 * then as large as they get. */
size_t tr__experts_product_scratch(const struct tr_node *nd)
{
    struct tr__matrix m = tr__expert_matrix(nd->in[W], 0);
    return tr__gemm_scratch(tr__piece_rows(nd->args), &m);
}

size_t tr__experts_library(const struct tr_node *nd)
{
    struct tr__matrix m = tr__expert_matrix(nd->in[W], 0);
    return tr__gemm_library(tr__piece_rows(nd->args), &m);
}

/* A row for each position and each of its experts, whichever they are. */
double tr__experts_work(const struct tr_node *nd, int backward)
{
    const struct tr__experts_args *args = nd->args;
    const struct tr_tensor *x = nd->in[X], *w = nd->in[W], *weight = nd->in[WEIGHT];
    int through = x->needs_grad || (weight && weight->needs_grad);
    int products = backward ? through + w->needs_grad : 1;
    return 2.0 * products * (double)(args->n * args->k) * (double)(w->dim[1] * w->dim[2]);
}

static void check(struct tr_tape *tp, const struct tr_op *op, const struct tr_tensor *x,
                  const struct tr_tensor *w, int64_t x_rows, int64_t y_rows, int n_expert,
                  const struct tr_linear *o)
{
    int64_t n_out = w->dim[1];
    tr_op_require(tp, w->n_dim == 3 && w->dim[0] == n_expert, op, w, w);
    tr_op_require(tp, tr_tensor_cols(x) == tr_tensor_cols(w) && tr_tensor_rows(x) == x_rows,
                  op, x, w);
    tr_op_require(tp, !o->bias || tr_tensor_count(o->bias) == n_expert * n_out, op, o->bias,
                  w);
    tr_op_require(tp, !o->add || (tr_tensor_rows(o->add) == y_rows &&
                                  tr_tensor_cols(o->add) == n_out), op, o->add, w);
    tr_op_require(tp, o->add || !o->in_place, op, x, w);
}

struct tr_tensor *tr__experts_call(struct tr_tape *tp, const struct tr_op *op,
                                   struct tr_tensor *x, struct tr_tensor *w, int gathers,
                                   struct tr_tensor *weight, const struct tr_routing *r,
                                   const struct tr_linear *opt)
{
    struct tr_linear o = opt ? *opt : (struct tr_linear){0};
    struct tr__experts_args args = { tr_tensor_rows(r->weight),
                                     (int)tr_tensor_cols(r->weight), r->n_expert, gathers,
                                     o.scale == 0 ? 1.0f : o.scale };
    int64_t rows = args.n * args.k, y_rows = weight ? args.n : rows, n_out = w->dim[1];
    check(tp, op, x, w, gathers ? args.n : rows, y_rows, r->n_expert, &o);
    struct tr_op_call call = { .op = op, .args = &args, .args_bytes = sizeof args,
                               .in = { x, w, o.bias, o.add, r->choice, weight } };
    call.out = o.in_place ? tr_op_alias(tp, o.add, 0, y_rows, n_out)
                          : tr_op_output(tp, op, 2, (int64_t[]){ y_rows, n_out });
    return tr_op_run(tp, &call);
}
