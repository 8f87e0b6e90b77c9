/* SPDX-License-Identifier: MIT
 *
 * From rows of experts to positions: a product for each expert, and its rows added to those
 * of the positions with their weights.  The products themselves need not stay for the
 * gradient of the weights, since dy (w x) = (dy w) x.  Derivation: docs/maths/experts.md.
 */
#include <libtrain/ops/experts.h>

enum { X = TR__EX_X, W = TR__EX_W, BIAS = TR__EX_BIAS, ADD = TR__EX_ADD,
       WEIGHT = TR__EX_WEIGHT };

/* The weight of row r, or its gradient. */
static float *weight_in(float *data, const struct tr_tensor *weight,
                        const struct tr__dispatch *d, int64_t r)
{
    return data + tr__position(d, r) * weight->ld + d->slot[r] % d->k;
}

/* y_t += weight (z + bias) for the rows z of a piece. */
static void add_weighted(const struct tr_node *nd, const struct tr__dispatch *d,
                         const struct tr__piece *p, const float *z, const float *bias)
{
    const struct tr_tensor *weight = nd->in[WEIGHT], *y = nd->out;
    int64_t width = tr_tensor_cols(y);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->n; i++) {
        float *to = tr_tensor_row(y, tr__position(d, p->row + i));
        float by = *weight_in(weight->data, weight, d, p->row + i);
        for (int64_t j = 0; j < width; j++)
            to[j] += by * (z[i * width + j] + (bias ? bias[j] : 0.0f));
    }
}

static void experts_out_forward(struct tr_node *nd)
{
    const struct tr__experts_args *args = nd->args;
    const struct tr_tensor *x = nd->in[X], *bias = nd->in[BIAS], *add = nd->in[ADD];
    const struct tr_tensor *y = nd->out;
    struct tr__dispatch d = tr__experts_dispatch(nd);
    size_t mark = tr_arena_mark(nd->scratch);
    float *z = tr__piece_room(nd, tr_tensor_cols(y));
    tr__begin_rows(y->data, y->ld, args->n, tr_tensor_cols(y), add ? add->data : NULL,
                   add ? add->ld : 0, NULL);
    for (struct tr__piece p = {0}; tr__next_piece(&d, &p);) {
        struct tr__matrix m = tr__expert_matrix(nd->in[W], p.e);
        tr__gemm_xwt(nd->scratch, p.n, args->scale, tr_tensor_row(x, p.row), x->ld, &m,
                     0.0f, z, m.rows);
        add_weighted(nd, &d, &p, z,
                     tr__expert_bias(nd->in[W], bias ? bias->data : NULL, p.e));
    }
    tr_arena_rewind(nd->scratch, mark);
}

static float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += a[j] * b[j];
    return sum;
}

/* From g = scale * dy w of a piece: dx = weight g, added if `add`, and dweight += g x +
 * dy bias. */
static void add_row_gradients(const struct tr_node *nd, const struct tr__dispatch *d,
                              const struct tr__piece *p, int add, const float *dy,
                              const float *g)
{
    const struct tr_tensor *x = nd->in[X], *bias = nd->in[BIAS], *weight = nd->in[WEIGHT];
    int64_t n_in = tr_tensor_cols(x), n_out = tr_tensor_cols(nd->out);
    const float *b = tr__expert_bias(nd->in[W], bias ? bias->data : NULL, p->e);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->n; i++) {
        int64_t r = p->row + i;
        float by = *weight_in(weight->data, weight, d, r);
        if (weight->grad)
            *weight_in(weight->grad, weight, d, r) +=
                dot(g + i * n_in, tr_tensor_row(x, r), n_in) +
                (b ? dot(dy + i * n_out, b, n_out) : 0.0f);
        for (int64_t j = 0; x->grad && j < n_in; j++)
            tr_tensor_grad_row(x, r)[j] =
                by * g[i * n_in + j] + (add ? tr_tensor_grad_row(x, r)[j] : 0.0f);
    }
}

/* dy of a piece, times the weights. */
static void weigh_rows(const struct tr_node *nd, const struct tr__dispatch *d,
                       const struct tr__piece *p, float *dy)
{
    const struct tr_tensor *weight = nd->in[WEIGHT];
    int64_t width = tr_tensor_cols(nd->out);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->n; i++) {
        float by = *weight_in(weight->data, weight, d, p->row + i);
        for (int64_t j = 0; j < width; j++)
            dy[i * width + j] *= by;
    }
}

/* Gradients of what does not depend on the weights, and then, dy weighed, of the rest. */
static void piece_backward(const struct tr_node *nd, const struct tr__dispatch *d,
                           const struct tr__piece *p, int add, int begun, float *dy,
                           float *g)
{
    const struct tr__experts_args *args = nd->args;
    const struct tr_tensor *x = nd->in[X], *bias = nd->in[BIAS], *y = nd->out;
    struct tr__matrix m = tr__expert_matrix(nd->in[W], p->e);
    tr__piece_gather(d, p, y->grad, y->ld, m.rows, dy);
    if (x->grad || nd->in[WEIGHT]->grad) {
        tr__gemm_dyw(nd->scratch, p->n, args->scale, dy, m.rows, &m, 0.0f, g, m.cols);
        add_row_gradients(nd, d, p, add, dy, g);
    }
    if (m.grad || (bias && bias->grad))
        weigh_rows(nd, d, p, dy);
    if (m.grad)
        tr__gemm_dytx(nd->scratch, p->n, args->scale, dy, m.rows, tr_tensor_row(x, p->row),
                      x->ld, tr__piece_beta(d, p, begun), &m);
    if (bias && bias->grad)
        tr__add_column_sums(dy, m.rows, p->n, m.rows, 1,
                            tr__expert_bias(nd->in[W], bias->grad, p->e));
}

static void experts_out_backward(struct tr_node *nd)
{
    struct tr_tensor *x = nd->in[X], *w = nd->in[W], *add = nd->in[ADD], *y = nd->out;
    struct tr__dispatch d = tr__experts_dispatch(nd);
    size_t mark = tr_arena_mark(nd->scratch);
    int add_x = x->grad && tr_op_grad_beta(x);
    float *dy = tr__piece_room(nd, tr_tensor_cols(y));
    float *g = tr__piece_room(nd, tr_tensor_cols(nd->in[X]));
    int begun = w->grad ? tr__experts_begin_grad(&d, w) : 0;
    for (struct tr__piece p = {0}; tr__next_piece(&d, &p);)
        piece_backward(nd, &d, &p, add_x, begun, dy, g);
    if (add && add->grad && !y->alias)
        tr__add_grad(y, add);
    tr_arena_rewind(nd->scratch, mark);
}

static size_t experts_out_scratch(const struct tr_node *nd, int backward)
{
    return tr__experts_product_scratch(nd) +
           tr__piece_room_bytes(nd, tr_tensor_cols(nd->out)) +
           (backward ? tr__piece_room_bytes(nd, tr_tensor_cols(nd->in[X])) : 0);
}

const struct tr_op tr__op_experts_out = {
    .name = "experts_out",
    .forward = experts_out_forward,
    .backward = experts_out_backward,
    .scratch = experts_out_scratch,
    .library = tr__experts_library,
    .work = tr__experts_work,
    .fills = 1u << X | 1u << W,
};

struct tr_tensor *tr_experts_out(struct tr_tape *tp, struct tr_tensor *x,
                                 struct tr_tensor *w, const struct tr_routing *r,
                                 const struct tr_linear *opt)
{
    return tr__experts_call(tp, &tr__op_experts_out, x, w, 0, r->weight, r, opt);
}
