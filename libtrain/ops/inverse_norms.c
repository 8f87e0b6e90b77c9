/* SPDX-License-Identifier: MIT
 *
 * What the rows of an adapted matrix are divided by (Liu et al. 2024, "DoRA"): their norms,
 * without making the matrix.  No gradient goes through them, as the paper has it (4.3).
 */
#include <libtrain/ops/ops.h>

#include <math.h>

enum { P, G, B };

struct inverse_norms_args {
    const float *square;
    float scale;
};

/* |w + s b a|^2 = |w|^2 + 2 s b (a w^T) + s^2 b (a a^T) b^T for a row w with its row b. */
static float inverse_norm(const struct tr_node *nd, int64_t j)
{
    const struct inverse_norms_args *args = nd->args;
    const float *b = tr_tensor_row(nd->in[B], j);
    int64_t rank = tr_tensor_cols(nd->in[B]);
    double s = (double)args->scale, sum = (double)args->square[j];
    for (int64_t k = 0; k < rank; k++) {
        const float *g = tr_tensor_row(nd->in[G], k);
        double bg = 0;
        for (int64_t i = 0; i < rank; i++)
            bg += (double)b[i] * (double)g[i];
        sum += (double)b[k] * s * (2 * (double)tr_tensor_row(nd->in[P], k)[j] + s * bg);
    }
    return sum > 0 ? (float)(1 / sqrt(sum)) : 0;
}

static void inverse_norms_forward(struct tr_node *nd)
{
    float *y = nd->out->data;
    int64_t n = tr_tensor_cols(nd->out);
#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < n; j++)
        y[j] = inverse_norm(nd, j);
}

const struct tr_op tr__op_inverse_norms = { .name = "inverse_norms",
                                            .forward = inverse_norms_forward };

struct tr_tensor *tr_inverse_norms(struct tr_tape *tp, struct tr_tensor *p,
                                   struct tr_tensor *g, struct tr_tensor *b,
                                   const float *square, float scale)
{
    const struct tr_op *op = &tr__op_inverse_norms;
    int64_t dim[] = { 1, tr_tensor_rows(b) };
    struct inverse_norms_args args = { square, scale };
    tr_op_require(tp, tr_tensor_cols(p) == dim[1] && tr_tensor_rows(p) == tr_tensor_cols(b), op,
                  p, b);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { p, g, b },
                                               .out = tr_op_output(tp, op, 2, dim),
                                               .args = &args,
                                               .args_bytes = sizeof args });
}
