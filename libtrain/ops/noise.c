/* SPDX-License-Identifier: MIT
 *
 * What is random in a forward pass: numbers that are dropped (Srivastava et al. 2014), and noise on
 * embeddings (Jain et al. 2023, "NEFTune").  A number is drawn from a key and its place, so a
 * pass that is made again, on however many threads, draws the same.  docs/maths/adapters.md.
 */
#include <libtrain/ops/ops.h>
#include <libtrain/rng.h>

#include <math.h>

struct dropout_args {
    uint32_t key, least; /* what is drawn below it is dropped */
    float scale;
};

/* to = x or 0, or what is there and that. */
static void drop_row(const struct dropout_args *a, uint32_t row, const float *x, float *to,
                     int64_t n, int add)
{
    uint32_t key = tr_hash32(a->key, row);
#pragma omp simd
    for (int64_t j = 0; j < n; j++) {
        float v = tr_hash32(key, (uint32_t)j) < a->least ? 0 : a->scale * x[j];
        to[j] = v + (add ? to[j] : 0);
    }
}

static void dropout_forward(struct tr_node *nd)
{
    int64_t n = tr_tensor_rows(nd->out), width = tr_tensor_cols(nd->out);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        drop_row(nd->args, (uint32_t)i, tr_tensor_row(nd->in[0], i), tr_tensor_row(nd->out, i),
                 width, 0);
}

static void dropout_backward(struct tr_node *nd)
{
    int64_t n = tr_tensor_rows(nd->out), width = tr_tensor_cols(nd->out);
    int add = tr_op_grad_beta(nd->in[0]);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        drop_row(nd->args, (uint32_t)i, tr_tensor_grad_row(nd->out, i),
                 tr_tensor_grad_row(nd->in[0], i), width, add);
}

const struct tr_op tr__op_dropout = {
    .name = "dropout",
    .forward = dropout_forward,
    .backward = dropout_backward,
    .fills = 1,
    .cheap = 1,
};

struct tr_tensor *tr_dropout(struct tr_tape *tp, struct tr_tensor *x, float p, uint32_t key)
{
    const struct tr_op *op = &tr__op_dropout;
    int64_t dim[] = { tr_tensor_rows(x), tr_tensor_cols(x) };
    struct dropout_args args = { key, (uint32_t)((double)p * 0x1p32), 1 / (1 - p) };
    tr_op_require(tp, x->dtype == &tr_f32 && p >= 0 && p < 1, op, x, x);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { x },
                                               .out = tr_op_output(tp, op, 2, dim),
                                               .args = &args,
                                               .args_bytes = sizeof args });
}

struct noise_args {
    const int32_t *pos;
    uint32_t key;
    float size;
};

/* Rows from i on that are of one document. */
static int64_t document(const int32_t *pos, int64_t i, int64_t n)
{
    int64_t end = i + 1;
    while (end < n && pos[end] != 0)
        end++;
    return end - i;
}

static void noise_forward(struct tr_node *nd)
{
    const struct noise_args *a = nd->args;
    int64_t n = tr_tensor_rows(nd->out), width = tr_tensor_cols(nd->out);
    for (int64_t first = 0, rows; first < n; first += rows) {
        rows = document(a->pos, first, n);
        float size = a->size / sqrtf((float)(rows * width));
#pragma omp parallel for schedule(static)
        for (int64_t i = first; i < first + rows; i++) {
            uint32_t key = tr_hash32(a->key, (uint32_t)i);
            float *y = tr_tensor_row(nd->out, i);
#pragma omp simd
            for (int64_t j = 0; j < width; j++)
                y[j] += size *
                        (2 * ((float)(tr_hash32(key, (uint32_t)j) >> 8) * 0x1p-24f) - 1);
        }
    }
}

/* The gradient of the sum is that of x, which lies in the same memory. */
static void noise_backward(struct tr_node *nd)
{
    (void)nd;
}

const struct tr_op tr__op_noise = {
    .name = "noise",
    .forward = noise_forward,
    .backward = noise_backward,
};

struct tr_tensor *tr_noise(struct tr_tape *tp, struct tr_tensor *x, const int32_t *pos,
                           float size, uint32_t key)
{
    const struct tr_op *op = &tr__op_noise;
    struct noise_args args = { pos, key, size };
    tr_op_require(tp, x->dtype == &tr_f32, op, x, x);
    return tr_op_run(tp, &(struct tr_op_call){
                             .op = op,
                             .in = { x },
                             .out = tr_op_alias(tp, x, 0, tr_tensor_rows(x), tr_tensor_cols(x)),
                             .args = &args,
                             .args_bytes = sizeof args });
}
