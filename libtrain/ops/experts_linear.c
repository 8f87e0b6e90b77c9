/* SPDX-License-Identifier: MIT
 *
 * Rows of experts from positions, or from such rows.  On the way in a piece is gathered in
 * front of its product, and its gradient added to positions behind it, so that no array of
 * all rows is as wide as the model.  Derivation: docs/maths/experts.md.  Next:
 * experts_out.c.
 */
#include <libtrain/ops/experts.h>

enum { X = TR__EX_X, W = TR__EX_W, BIAS = TR__EX_BIAS, ADD = TR__EX_ADD };

/* Where a piece of x is gathered; nowhere if its rows are those of experts. */
static float *room_for_x(const struct tr_node *nd)
{
    const struct tr__experts_args *args = nd->args;
    return args->gathers ? tr__piece_room(nd, tr_tensor_cols(nd->in[X])) : NULL;
}

/* x of a piece, in room or where it lies; *ld: numbers from row to row. */
static const float *rows_of_x(const struct tr_node *nd, const struct tr__dispatch *d,
                              const struct tr__piece *p, float *room, int64_t *ld)
{
    const struct tr_tensor *x = nd->in[X];
    *ld = room ? tr_tensor_cols(x) : x->ld;
    if (!room)
        return tr_tensor_row(x, p->row);
    tr__piece_gather(d, p, x->data, x->ld, *ld, room);
    return room;
}

static void experts_linear_forward(struct tr_node *nd)
{
    const struct tr__experts_args *args = nd->args;
    const struct tr_tensor *bias = nd->in[BIAS], *add = nd->in[ADD], *y = nd->out;
    struct tr__dispatch d = tr__experts_dispatch(nd);
    size_t mark = tr_arena_mark(nd->scratch);
    float *room = room_for_x(nd);
    for (struct tr__piece p = {0}; tr__next_piece(&d, &p);) {
        struct tr__matrix m = tr__expert_matrix(nd->in[W], p.e);
        float *to = tr_tensor_row(y, p.row);
        int64_t ldx;
        const float *x = rows_of_x(nd, &d, &p, room, &ldx);
        if (bias || add)
            tr__begin_rows(to, y->ld, p.n, m.rows, add ? tr_tensor_row(add, p.row) : NULL,
                           add ? add->ld : 0,
                           tr__expert_bias(nd->in[W], bias ? bias->data : NULL, p.e));
        tr__gemm_xwt(nd->scratch, p.n, args->scale, x, ldx, &m, bias || add ? 1.0f : 0.0f,
                     to, y->ld);
    }
    tr_arena_rewind(nd->scratch, mark);
}

static void scatter_add(const struct tr__dispatch *d, const struct tr__piece *p,
                        const float *from, const struct tr_tensor *x)
{
    int64_t width = tr_tensor_cols(x);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->n; i++) {
        float *to = tr_tensor_grad_row(x, tr__position(d, p->row + i));
        for (int64_t j = 0; j < width; j++)
            to[j] += from[i * width + j];
    }
}

/* Positions are added to by one expert after the other, rows are written once: what the
 * gradient of x is multiplied by in front of a product. */
static float begin_dx(const struct tr_node *nd)
{
    const struct tr__experts_args *args = nd->args;
    struct tr_tensor *x = nd->in[X];
    if (!x->grad)
        return 0;
    if (!args->gathers)
        return tr_op_grad_beta(x) ? 1.0f : 0.0f;
    tr_tensor_settle_grad(tr_op_root(x));
    return 0;
}

static void add_dx(const struct tr_node *nd, const struct tr__dispatch *d,
                   const struct tr__piece *p, float beta, float *room)
{
    const struct tr__experts_args *args = nd->args;
    const struct tr_tensor *x = nd->in[X], *y = nd->out;
    struct tr__matrix m = tr__expert_matrix(nd->in[W], p->e);
    tr__gemm_dyw(nd->scratch, p->n, args->scale, tr_tensor_grad_row(y, p->row), y->ld, &m,
                 beta, room ? room : tr_tensor_grad_row(x, p->row), room ? m.cols : x->ld);
    if (room)
        scatter_add(d, p, room, x);
}

static void add_dw(const struct tr_node *nd, const struct tr__dispatch *d,
                   const struct tr__piece *p, int begun, float *room)
{
    const struct tr__experts_args *args = nd->args;
    struct tr__matrix m = tr__expert_matrix(nd->in[W], p->e);
    int64_t ldx;
    const float *x = rows_of_x(nd, d, p, room, &ldx);
    tr__gemm_dytx(nd->scratch, p->n, args->scale, tr_tensor_grad_row(nd->out, p->row),
                  nd->out->ld, x, ldx, tr__piece_beta(d, p, begun), &m);
}

static void experts_linear_backward(struct tr_node *nd)
{
    struct tr_tensor *x = nd->in[X], *w = nd->in[W], *bias = nd->in[BIAS], *y = nd->out;
    struct tr__dispatch d = tr__experts_dispatch(nd);
    size_t mark = tr_arena_mark(nd->scratch);
    float *room = room_for_x(nd), beta = begin_dx(nd);
    int begun = w->grad ? tr__experts_begin_grad(&d, w) : 0;
    for (struct tr__piece p = {0}; tr__next_piece(&d, &p);) {
        if (x->grad)
            add_dx(nd, &d, &p, beta, room);
        if (w->grad)
            add_dw(nd, &d, &p, begun, room);
        if (bias && bias->grad)
            tr__add_column_sums(tr_tensor_grad_row(y, p.row), y->ld, p.n, tr_tensor_cols(y),
                                1, tr__expert_bias(w, bias->grad, p.e));
    }
    if (nd->in[ADD] && nd->in[ADD]->grad && !y->alias)
        tr__add_grad(y, nd->in[ADD]);
    tr_arena_rewind(nd->scratch, mark);
}

static size_t experts_linear_scratch(const struct tr_node *nd, int backward)
{
    const struct tr__experts_args *args = nd->args;
    size_t product = tr__experts_product_scratch(nd);
    (void)backward;
    return args->gathers ? product + tr__piece_room_bytes(nd, tr_tensor_cols(nd->in[X]))
                         : product;
}

const struct tr_op tr__op_experts_linear = {
    .name = "experts_linear",
    .forward = experts_linear_forward,
    .backward = experts_linear_backward,
    .scratch = experts_linear_scratch,
    .library = tr__experts_library,
    .work = tr__experts_work,
    .fills = 1u << X | 1u << W,
};

struct tr_tensor *tr_experts_in(struct tr_tape *tp, struct tr_tensor *x,
                                struct tr_tensor *w, const struct tr_routing *r,
                                const struct tr_linear *opt)
{
    return tr__experts_call(tp, &tr__op_experts_linear, x, w, 1, NULL, r, opt);
}

struct tr_tensor *tr_experts_linear(struct tr_tape *tp, struct tr_tensor *x,
                                    struct tr_tensor *w, const struct tr_routing *r,
                                    const struct tr_linear *opt)
{
    return tr__experts_call(tp, &tr__op_experts_linear, x, w, 0, NULL, r, opt);
}
