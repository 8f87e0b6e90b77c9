/* SPDX-License-Identifier: MIT
 *
 * A case for every operation of ops.def; small networks are in test_network.c.
 */
#include "suite.h"
#include "tape_run.h"

#include <libtrain/gradcheck.h>
#include <libtrain/op.h>
#include <libtrain/loss.h>
#include <libtrain/ops.h>

#include <check.h>
#include <string.h>

/* The inputs of the cases by their index in `in`. */
#define BUILD(name)                                                                      \
    static struct tr_tensor *name(void *ctx, struct tr_tape *tp, struct tr_tensor **in)
#define UNUSED (void)ctx

BUILD(linear)
{
    UNUSED;
    return tr_linear(tp, in[0], in[1], &(struct tr_linear){ .bias = in[2], .add = in[3] });
}

BUILD(linear_in_place)
{
    UNUSED;
    return tr_linear(tp, in[0], in[1],
                     &(struct tr_linear){ .bias = in[2],
                                          .add = tape_copy(tp, in[3]),
                                          .in_place = 1,
                                          .scale = 0.75f });
}

/* y = x w^T + add twice over one buffer, as adapters do. */
BUILD(linear_in_place_twice)
{
    UNUSED;
    struct tr_tensor *y = tr_linear(tp, in[0], in[1], &(struct tr_linear){ .add = in[2] });
    for (int i = 0; i < 2; i++)
        y = tr_linear(tp, in[0], in[1],
                      &(struct tr_linear){ .add = y, .in_place = 1, .scale = 0.5f });
    return y;
}

/* One weight, two uses: gradients add up. */
BUILD(linear_tied)
{
    UNUSED;
    return tr_linear(tp, tr_linear(tp, in[0], in[1], NULL), in[1], NULL);
}

BUILD(columns)
{
    UNUSED;
    struct tr_tensor *right = tr_columns(tp, in[0], 3, 4);
    return tr_swiglu(tp, tr_columns(tp, in[0], 1, 3), tr_columns(tp, right, 1, 3));
}

static const int32_t ids[] = { 2, 0, 4, 2, 2, 1 }, positions[] = { 0, 1, 2, 0, 1, 2 };

/* What needs nothing but its inputs. */
#define BUILD_ONE(name)                                                                  \
    BUILD(of_##name)                                                                     \
    {                                                                                    \
        UNUSED;                                                                          \
        return tr_##name(tp, in[0]);                                                     \
    }
#define BUILD_TWO(name)                                                                  \
    BUILD(of_##name)                                                                     \
    {                                                                                    \
        UNUSED;                                                                          \
        return tr_##name(tp, in[0], in[1]);                                              \
    }
BUILD_TWO(add)
BUILD_TWO(sub)
BUILD_TWO(mul)
BUILD_TWO(div)
BUILD_ONE(exp)
BUILD_ONE(log)
BUILD_ONE(relu)
BUILD_ONE(relu2)
BUILD_ONE(gelu_erf)
BUILD_ONE(tanh)
BUILD_ONE(sigmoid)
BUILD_ONE(softplus)
BUILD_ONE(silu)
BUILD_ONE(softmax)
BUILD_ONE(log_softmax)
BUILD_ONE(transpose)

BUILD(scale)
{
    UNUSED;
    return tr_scale(tp, in[0], -0.75f);
}

BUILD(square) /* one tensor twice in one operation */
{
    UNUSED;
    return tr_mul(tp, in[0], in[0]);
}

BUILD(matmul)
{
    UNUSED;
    return tr_matmul(tp, in[0], in[1], NULL);
}

BUILD(matmul_nt)
{
    UNUSED;
    return tr_matmul(tp, in[0], in[1],
                     &(struct tr_matmul){ .transpose_b = 1, .scale = 0.5f });
}

BUILD(matmul_tn)
{
    UNUSED;
    return tr_matmul(tp, in[0], in[1], &(struct tr_matmul){ .transpose_a = 1 });
}

BUILD(matmul_tt)
{
    UNUSED;
    return tr_matmul(tp, in[0], in[1],
                     &(struct tr_matmul){ .transpose_a = 1, .transpose_b = 1 });
}

BUILD(gram)
{
    UNUSED;
    return tr_matmul(tp, in[0], in[0], &(struct tr_matmul){ .transpose_b = 1 });
}

BUILD(sum)
{
    UNUSED;
    return tr_sum(tp, in[0], TR_AXIS_ALL);
}

BUILD(sum_rows)
{
    UNUSED;
    return tr_sum(tp, in[0], TR_AXIS_ROWS);
}

BUILD(sum_columns)
{
    UNUSED;
    return tr_sum(tp, in[0], TR_AXIS_COLUMNS);
}

BUILD(mean)
{
    UNUSED;
    return tr_mean(tp, in[0], TR_AXIS_ALL);
}

BUILD(mean_rows)
{
    UNUSED;
    return tr_mean(tp, in[0], TR_AXIS_ROWS);
}

BUILD(mean_columns)
{
    UNUSED;
    return tr_mean(tp, in[0], TR_AXIS_COLUMNS);
}

BUILD(squares)
{
    UNUSED;
    return tr_mse(tp, in[0], in[1]);
}

BUILD(rows)
{
    UNUSED;
    struct tr_tensor *low = tr_rows(tp, in[0], 1, 4);
    return tr_mul(tp, tr_rows(tp, in[0], 0, 3), tr_rows(tp, low, 1, 3));
}

BUILD(reshape)
{
    UNUSED;
    struct tr_tensor *x = tr_scale(tp, in[0], 2);
    return tr_mul(tp, tr_reshape(tp, x, 6, 4), tr_reshape(tp, in[1], 6, 4));
}

BUILD(concat_columns)
{
    UNUSED;
    struct tr_tensor *x[] = { in[0], in[1], in[0] };
    return tr_concat(tp, x, 3, TR_AXIS_COLUMNS);
}

BUILD(concat_rows)
{
    UNUSED;
    return tr_concat(tp, in, 2, TR_AXIS_ROWS);
}

static const int32_t classes[] = { 3, -1, 0, 6, 3, -1 };

BUILD(classes_cross_entropy)
{
    UNUSED;
    return tr_cross_entropy(tp, in[0], classes);
}

BUILD(embedding)
{
    UNUSED;
    return tr_embedding(tp, in[0], ids, in[1], positions, 6, 1.5f);
}

BUILD(rms_norm)
{
    UNUSED;
    return tr_rms_norm(tp, in[0], in[1], 1e-5f);
}

BUILD(layer_norm)
{
    UNUSED;
    return tr_layer_norm(tp, in[0], in[1], in[2], 1e-5f);
}

BUILD(rms_norm_plain)
{
    UNUSED;
    return tr_rms_norm(tp, in[0], NULL, 1e-5f);
}

BUILD(layer_norm_no_bias)
{
    UNUSED;
    return tr_layer_norm(tp, in[0], in[1], NULL, 1e-5f);
}

BUILD(layer_norm_plain)
{
    UNUSED;
    return tr_layer_norm(tp, in[0], NULL, NULL, 1e-5f);
}

static const float factors[] = { 1, 2, 4 };

BUILD(rope_pairs)
{
    UNUSED;
    return tr_rope(tp, tape_copy(tp, in[0]), positions,
                   &(struct tr_rope){ .head_dim = 6, .n_rot = 6, .freq_base = 10000,
                                      .freq_scale = 1, .factors = factors });
}

BUILD(rope_freq)
{
    UNUSED;
    static const float freq[] = { 1, 0.5f };
    return tr_rope(tp, tape_copy(tp, in[0]), positions,
                   &(struct tr_rope){ .head_dim = 6, .n_rot = 4, .freq = freq,
                                      .scale = 1.25f });
}

BUILD(rope_neox) /* over columns of something wider, as with fused q, k and v */
{
    UNUSED;
    struct tr_tensor *x = tr_columns(tp, tape_copy(tp, in[0]), 1, 16);
    return tr_rope(tp, x, positions,
                   &(struct tr_rope){ .head_dim = 8, .n_rot = 4, .neox = 1, .freq_base = 10,
                                      .freq_scale = 0.5f, .scale = 1.25f });
}

BUILD(swiglu)
{
    UNUSED;
    return tr_swiglu(tp, in[0], in[1]);
}

BUILD(geglu)
{
    UNUSED;
    return tr_geglu(tp, in[0], in[1]);
}

BUILD(swiglu_clamped)
{
    UNUSED;
    return tr_swiglu_clamped(tp, in[0], in[1], 1.702f, 2);
}

BUILD(gelu)
{
    UNUSED;
    return tr_gelu(tp, in[0]);
}

BUILD(attention)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], positions,
                        &(struct tr_attention){ .n_head = 2, .n_head_kv = 1, .head_dim = 4,
                                                .scale = 0.5f });
}

BUILD(attention_soft_cap)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], positions,
                        &(struct tr_attention){ .n_head = 2, .n_head_kv = 2, .head_dim = 4,
                                                .scale = 1, .soft_cap = 2 });
}

static const int32_t one_document[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

BUILD(attention_window)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], one_document,
                        &(struct tr_attention){ .n_head = 4, .n_head_kv = 2, .head_dim = 3,
                                                .scale = 0.5f, .window = 3 });
}

/* What models combine: many heads on one pair of keys and values, sinks, own scales. */
BUILD(attention_sinks)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], positions,
                        &(struct tr_attention){ .n_head = 3, .n_head_kv = 1, .head_dim = 4,
                                                .scale = 0.7f, .sinks = in[3] });
}

BUILD(attention_sinks_window)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], one_document,
                        &(struct tr_attention){ .n_head = 4, .n_head_kv = 2, .head_dim = 3,
                                                .scale = 0.5f, .window = 3,
                                                .sinks = in[3] });
}

BUILD(attention_window_cap)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], one_document,
                        &(struct tr_attention){ .n_head = 3, .n_head_kv = 1, .head_dim = 5,
                                                .scale = 1, .window = 4, .soft_cap = 2 });
}

BUILD(attention_all)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], one_document,
                        &(struct tr_attention){ .n_head = 4, .n_head_kv = 1, .head_dim = 3,
                                                .scale = 1.25f, .window = 5, .soft_cap = 2,
                                                .sinks = in[3], .grow = 0.5f,
                                                .grow_every = 3 });
}

/* Sizes of heads that fill no vector, and the largest. */
BUILD(attention_24)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], positions,
                        &(struct tr_attention){ .n_head = 2, .n_head_kv = 1,
                                                .head_dim = 24, .scale = 0.25f });
}

BUILD(attention_80)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], positions,
                        &(struct tr_attention){ .n_head = 1, .n_head_kv = 1,
                                                .head_dim = 80, .scale = 0.125f,
                                                .soft_cap = 3, .sinks = in[3] });
}

BUILD(attention_512)
{
    UNUSED;
    return tr_attention(tp, in[0], in[1], in[2], positions,
                        &(struct tr_attention){ .n_head = 1, .n_head_kv = 1,
                                                .head_dim = 512, .scale = 0.0625f,
                                                .window = 2 });
}

BUILD(causal_conv)
{
    UNUSED;
    return tr_causal_conv(tp, in[0], in[1], in[2], positions, NULL);
}

BUILD(causal_conv_one_document)
{
    UNUSED;
    return tr_causal_conv(tp, in[0], in[1], NULL, one_document, NULL);
}

/* Positions as above, two documents; g and beta as they are in use. */
BUILD(delta_rule)
{
    UNUSED;
    return tr_delta_rule(tp, in[0], in[1], in[2], in[3], in[4], positions,
                         &(struct tr_delta_rule){ .n_head_k = 1, .n_head_v = 2,
                                                  .head_k = 4, .head_v = 3,
                                                  .scale = 0.5f, .eps = 1e-6f });
}

BUILD(delta_rule_one_document)
{
    UNUSED;
    return tr_delta_rule(tp, in[0], in[1], in[2], in[3], in[4], one_document,
                         &(struct tr_delta_rule){ .n_head_k = 2, .n_head_v = 2,
                                                  .head_k = 3, .head_v = 4,
                                                  .scale = 1, .eps = 0.1f });
}

BUILD(ssd)
{
    UNUSED;
    return tr_ssd(tp, in[0], in[1], in[2], in[3], in[4], in[5], positions,
                  &(struct tr_ssd){ .n_head = 4, .n_group = 2, .d_head = 3, .d_state = 5 });
}

BUILD(ssd_one_document)
{
    UNUSED;
    return tr_ssd(tp, in[0], in[1], in[2], in[3], in[4], in[5], one_document,
                  &(struct tr_ssd){ .n_head = 2, .n_group = 1, .d_head = 4, .d_state = 4 });
}

/* ---- experts: 5, of which the last gets no row and the first most ------------------- */

enum { EXPERTS = 5, USED = 2, WIDE_IN = 4, WIDE_OUT = 3 };

/* Logits so far apart that no step of the differences changes the choice. */
static struct tr_tensor *far_apart(struct tr_tape *tp, struct tr_tensor *z)
{
    static float rows[] = { 3, 2, 1, 0, -1, 3, 1,  2, 0, -1, 1, 0, 3,  2, -1,
                            3, 2, 1, 0, -1, 2, -1, 1, 3, 0,  3, 1, -1, 2, 0 };
    static struct tr_tensor t;
    t = tr_tensor_make("far apart", &tr_f32, 2, (int64_t[]){ 6, EXPERTS }, rows);
    return tr_add(tp, z, &t);
}

static struct tr_routing routed(struct tr_tape *tp, struct tr_tensor *z)
{
    return tr_route(tp, far_apart(tp, z),
                    &(struct tr_route){ .gating = &tr_gating_softmax, .n_used = USED });
}

/* A matrix of (EXPERTS * rows, cols) as that many matrices. */
static struct tr_tensor *stacked(struct tr_tape *tp, struct tr_tensor *w)
{
    int64_t cols = tr_tensor_cols(w), rows = tr_tensor_rows(w) / EXPERTS;
    struct tr_tensor *t = tr_reshape(tp, w, EXPERTS * rows, cols);
    t->n_dim = 3;
    t->dim[0] = EXPERTS, t->dim[1] = rows, t->dim[2] = cols;
    return t;
}

BUILD(route_softmax)
{
    UNUSED;
    return routed(tp, in[0]).weight;
}

BUILD(route_over_chosen)
{
    UNUSED;
    struct tr_route opt = { .gating = &tr_gating_softmax, .n_used = 3, .normalise = 1,
                            .scale = 2.5f };
    return tr_route(tp, far_apart(tp, in[0]), &opt).weight;
}

/* The bias makes the last expert the first choice, its weight stays what it is. */
BUILD(route_sigmoid)
{
    UNUSED;
    static float number[] = { 0, 0, 0, 0, 1 };
    static struct tr_tensor bias;
    bias = tr_tensor_make("bias", &tr_f32, 1, (int64_t[]){ EXPERTS }, number);
    struct tr_route opt = { .gating = &tr_gating_sigmoid, .n_used = USED, .bias = &bias,
                            .normalise = 1, .eps = 0.25f };
    return tr_route(tp, far_apart(tp, in[0]), &opt).weight;
}

BUILD(by_expert)
{
    UNUSED;
    struct tr_route opt = { .gating = &tr_gating_softmax, .n_used = USED, .normalise = 1 };
    struct tr_routing r = tr_route(tp, far_apart(tp, in[0]), &opt);
    return tr_by_expert(tp, &r, in[1]);
}

BUILD(experts_in)
{
    UNUSED;
    struct tr_routing r = routed(tp, in[0]);
    return tr_experts_in(tp, in[1], stacked(tp, in[2]), &r,
                         &(struct tr_linear){ .bias = in[3], .scale = 0.5f });
}

BUILD(experts_in_and_sum)
{
    UNUSED;
    struct tr_routing r = routed(tp, in[0]);
    return tr_experts_in(tp, in[1], stacked(tp, in[2]), &r,
                         &(struct tr_linear){ .add = in[3] });
}

/* As an adapter does: a sum over the rows that are there. */
BUILD(experts_pair)
{
    UNUSED;
    struct tr_routing r = routed(tp, in[0]);
    struct tr_tensor *y = tr_experts_in(tp, in[1], stacked(tp, in[2]), &r, NULL);
    struct tr_tensor *u = tr_experts_in(tp, in[1], stacked(tp, in[3]), &r, NULL);
    return tr_experts_linear(tp, u, stacked(tp, in[4]), &r,
                             &(struct tr_linear){ .add = y, .in_place = 1, .scale = 2 });
}

BUILD(experts_out)
{
    UNUSED;
    struct tr_routing r = routed(tp, in[0]);
    return tr_experts_out(tp, in[1], stacked(tp, in[2]), &r,
                          &(struct tr_linear){ .bias = in[3], .add = in[4], .scale = 0.5f });
}

BUILD(experts_out_in_place) /* the rows of two products, one of which is read again */
{
    UNUSED;
    struct tr_routing r = routed(tp, in[0]);
    struct tr_tensor *y = tr_experts_out(tp, in[1], stacked(tp, in[2]), &r, NULL);
    return tr_experts_out(tp, in[1], stacked(tp, in[2]), &r,
                          &(struct tr_linear){ .add = y, .in_place = 1 });
}

/* A result that is a loss found on the way, whose gradient is there already. */
static double loss_sum;
static const float LOSS_SCALE = 0.25f;

static void report_forward(struct tr_node *nd)
{
    *(float *)nd->out->data = LOSS_SCALE * (float)loss_sum;
}

static void report_backward(struct tr_node *nd)
{
    (void)nd;
}

BUILD(balance)
{
    int *sigmoid = ctx;
    static const struct tr_op op = { .name = "report", .forward = report_forward,
                                     .backward = report_backward };
    struct tr_route opt = { .gating = sigmoid ? &tr_gating_sigmoid : &tr_gating_softmax,
                            .n_used = USED, .balance = LOSS_SCALE,
                            .balance_loss = &loss_sum };
    struct tr_routing r = tr_route(tp, far_apart(tp, in[0]), &opt);
    return tr_op_run(tp, &(struct tr_op_call){
                             .op = &op, .in = { r.weight },
                             .out = tr_op_output(tp, &op, 1, (int64_t[]){ 1 }) });
}

BUILD(balance_sigmoid)
{
    int sigmoid = 1;
    UNUSED;
    return balance(&sigmoid, tp, in);
}

static const int32_t targets[] = { 3, -1, 0, 6, 3, -1 };

/* Losses are not weighed: the check compares their sums, times the scale. */
BUILD(cross_entropy)
{
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = LOSS_SCALE, .sum = &loss_sum });
}

BUILD(cross_entropy_capped)
{
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = LOSS_SCALE, .soft_cap = 2,
                                             .logit_scale = 1.5f, .sum = &loss_sum });
}

BUILD(cross_entropy_bias)
{
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = LOSS_SCALE, .soft_cap = 2,
                                             .logit_scale = 1.5f, .bias = in[2],
                                             .max_rows = 2, .sum = &loss_sum });
}

BUILD(cross_entropy_smooth)
{
    static const double option[] = { 0.2, 0.05 };
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .option = option, .scale = LOSS_SCALE,
                                             .sum = &loss_sum });
}

static const float row_weights[] = { 1, 0.5f, 0, 2, 1.5f, 0.25f };

BUILD(cross_entropy_weighted)
{
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = LOSS_SCALE, .max_rows = 2,
                                             .weight = row_weights, .sum = &loss_sum });
}

static const int32_t some_ids[] = { 0, 4, 3, 1, 4, 5 };
static const int32_t some_positions[] = { 0, 1, 0, 1, 2, 3 };

BUILD(add_rows)
{
    UNUSED;
    return tr_add_rows(tp, tape_copy(tp, in[0]), in[1], some_ids, 3, 1.5f);
}

BUILD(dropout)
{
    UNUSED;
    return tr_dropout(tp, in[0], 0.3f, 7);
}

BUILD(noise)
{
    UNUSED;
    return tr_noise(tp, tape_copy(tp, in[0]), some_positions, 2, 7);
}

/* Nothing goes through the norms, so their part comes from numbers that stay. */
BUILD(inverse_norms)
{
    static float p[2 * 5] = { 1, 2, 3, 4, 5, -1, -2, -3, -4, -5 }, g[2 * 2] = { 3, 1, 1, 2 },
                 b[5 * 2] = { 1, 0, 0, 1, 1, 1, -1, 0, 0, -1 };
    static const float square[5] = { 30, 40, 50, 60, 70 };
    static struct tr_tensor tp_, tg, tb;
    UNUSED;
    tp_ = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ 2, 5 }, p);
    tg = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ 2, 2 }, g);
    tb = tr_tensor_make(NULL, &tr_f32, 2, (int64_t[]){ 5, 2 }, b);
    return tr_mul(tp, in[0], tr_inverse_norms(tp, &tp_, &tg, &tb, square, 0.5f));
}

/* Rows of a tied table: looked up, and multiplied by. */
BUILD(cross_entropy_rows)
{
    struct tr_output_part part = { NULL, in[2], 0.75f, 4 };
    UNUSED;
    part.u = tr_linear(tp, in[0], in[3], NULL);
    return tr_output_loss(tp, part.u, in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = LOSS_SCALE, .max_rows = 2,
                                             .part = &part, .n_part = 1,
                                             .sum = &loss_sum });
}

/* As two adapters add to it: one beside the table, one the other way round on it. */
BUILD(cross_entropy_parts)
{
    struct tr_output_part part[] = {
        { tr_linear(tp, in[0], in[2], NULL), in[3], 1.5f, 0 },
        { tr_matmul(tp, in[0], in[4], NULL), in[5], -0.5f, 0 },
    };
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("cross_entropy"),
                                             .scale = LOSS_SCALE, .logit_scale = 1.5f,
                                             .max_rows = 2, .part = part, .n_part = 2,
                                             .sum = &loss_sum });
}

BUILD(mse_weighted)
{
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("mse"),
                                             .scale = LOSS_SCALE, .soft_cap = 2,
                                             .weight = row_weights, .sum = &loss_sum });
}

BUILD(mse)
{
    UNUSED;
    return tr_output_loss(tp, in[0], in[1], targets,
                          &(struct tr_loss){ .kind = tr_loss_by_name("mse"),
                                             .scale = LOSS_SCALE,
                                             .logit_scale = 0.5f, .sum = &loss_sum });
}

/* What is linear in its inputs takes a large step, so that only rounding is left. */
#define RANGE(n, width, from, to) { .rows = n, .cols = width, .low = from, .high = to }
#define MATRIX(n, width) RANGE(n, width, -1, 1)
#define VECTOR(width) { .cols = width, .low = -1, .high = 1 }
#define SLIGHT RANGE(6, EXPERTS, -0.25f, 0.25f) /* logits, see far_apart */
#define TABLE(n, width) { .rows = n, .cols = width, .low = -1, .high = 1, .whole = 1 }

static const struct {
    const char *op, *what;
    struct tr_tensor *(*build)(void *ctx, struct tr_tape *tp, struct tr_tensor **in);
    struct tr_gradcheck_input in[TR_GRADCHECK_MAX_IN];
    float step;
    double tolerance;
    int is_loss;
} cases[] = {
    { "linear", "bias and sum", linear,
      { MATRIX(5, 7), TABLE(4, 7), VECTOR(4), MATRIX(5, 4) }, 0.5f, 1e-5, 0 },
    { "linear", "one row", linear,
      { MATRIX(1, 3), TABLE(2, 3), VECTOR(2), MATRIX(1, 2) }, 0.5f, 1e-5, 0 },
    { "linear", "plain", linear, { MATRIX(3, 17), TABLE(9, 17) }, 0.5f, 1e-5, 0 },
    { "linear", "in place", linear_in_place,
      { MATRIX(5, 7), TABLE(4, 7), VECTOR(4), MATRIX(5, 4) }, 0.5f, 1e-5, 0 },
    { "linear", "in place twice", linear_in_place_twice,
      { MATRIX(5, 7), TABLE(4, 7), MATRIX(5, 4) }, 0.5f, 1e-5, 0 },
    { "linear", "tied", linear_tied, { MATRIX(4, 5), TABLE(5, 5) }, 0.25f, 1e-5, 0 },
    { "columns", "two views", columns, { MATRIX(4, 8) }, 0.125f, 1e-4, 0 },
    { "rows", "two views", rows, { MATRIX(5, 4) }, 0.125f, 1e-4, 0 },
    { "reshape", "of a result and an input", reshape,
      { MATRIX(3, 8), TABLE(3, 8) }, 0.125f, 1e-4, 0 },
    { "transpose", "square", of_transpose, { MATRIX(5, 5) }, 0.5f, 1e-5, 0 },
    { "transpose", "long", of_transpose, { MATRIX(2, 70) }, 0.5f, 1e-5, 0 },
    { "concat", "columns", concat_columns, { MATRIX(4, 3), MATRIX(4, 2) }, 0.5f, 1e-5, 0 },
    { "concat", "rows", concat_rows, { MATRIX(4, 3), MATRIX(2, 3) }, 0.5f, 1e-5, 0 },
    { "matmul", "plain", matmul, { MATRIX(5, 7), MATRIX(7, 4) }, 0.5f, 1e-5, 0 },
    { "matmul", "second transposed", matmul_nt,
      { MATRIX(5, 7), MATRIX(4, 7) }, 0.5f, 1e-5, 0 },
    { "matmul", "first transposed", matmul_tn,
      { MATRIX(7, 5), MATRIX(7, 4) }, 0.5f, 1e-5, 0 },
    { "matmul", "both transposed", matmul_tt,
      { MATRIX(7, 5), MATRIX(4, 7) }, 0.5f, 1e-5, 0 },
    { "matmul", "with itself", gram, { MATRIX(5, 3) }, 0.25f, 1e-5, 0 },
    { "add", "same", of_add, { MATRIX(4, 6), MATRIX(4, 6) }, 0.5f, 1e-5, 0 },
    { "add", "row", of_add, { MATRIX(4, 70), VECTOR(70) }, 0.5f, 1e-5, 0 },
    { "add", "column", of_add, { MATRIX(4, 6), MATRIX(4, 1) }, 0.5f, 1e-5, 0 },
    { "add", "number", of_add, { MATRIX(4, 6), VECTOR(1) }, 0.5f, 1e-5, 0 },
    { "sub", "same", of_sub, { MATRIX(4, 6), MATRIX(4, 6) }, 0.5f, 1e-5, 0 },
    { "sub", "row", of_sub, { MATRIX(4, 6), MATRIX(1, 6) }, 0.5f, 1e-5, 0 },
    { "mul", "same", of_mul, { MATRIX(4, 6), MATRIX(4, 6) }, 0.5f, 1e-5, 0 },
    { "mul", "row", of_mul, { MATRIX(4, 70), VECTOR(70) }, 0.5f, 1e-5, 0 },
    { "mul", "column", of_mul, { MATRIX(4, 6), MATRIX(4, 1) }, 0.5f, 1e-5, 0 },
    { "mul", "number", of_mul, { MATRIX(4, 6), VECTOR(1) }, 0.5f, 1e-5, 0 },
    { "mul", "with itself", square, { MATRIX(4, 6) }, 0.25f, 1e-5, 0 },
    { "div", "same", of_div, { MATRIX(4, 6), RANGE(4, 6, 1, 2) }, 0.03125f, 1e-4, 0 },
    { "div", "column", of_div, { MATRIX(4, 6), RANGE(4, 1, -2, -1) }, 0.03125f, 1e-4, 0 },
    { "scale", "rows", scale, { MATRIX(4, 6) }, 0.5f, 1e-5, 0 },
    { "exp", "rows", of_exp, { RANGE(4, 19, -3, 3) }, 0.0625f, 1e-4, 0 },
    { "log", "rows", of_log, { RANGE(4, 19, 1, 4) }, 0.0625f, 1e-4, 0 },
    { "relu", "positive", of_relu, { RANGE(4, 19, 0.5f, 3) }, 0.125f, 1e-5, 0 },
    { "relu", "negative", of_relu, { RANGE(4, 19, -3, -0.5f) }, 0.125f, 1e-5, 0 },
    { "relu2", "positive", of_relu2, { RANGE(4, 19, 0.5f, 3) }, 0.125f, 1e-5, 0 },
    { "relu2", "negative", of_relu2, { RANGE(4, 19, -3, -0.5f) }, 0.125f, 1e-5, 0 },
    { "tanh", "rows", of_tanh, { RANGE(4, 19, -3, 3) }, 0.0625f, 1e-4, 0 },
    { "sigmoid", "rows", of_sigmoid, { RANGE(4, 19, -5, 5) }, 0.125f, 1e-4, 0 },
    { "softplus", "rows", of_softplus, { RANGE(4, 19, -5, 5) }, 0.125f, 1e-4, 0 },
    { "silu", "rows", of_silu, { RANGE(4, 19, -3, 3) }, 0.125f, 1e-4, 0 },
    { "sum", "all", sum, { MATRIX(5, 12) }, 0.5f, 1e-5, 0 },
    { "sum", "rows", sum_rows, { MATRIX(5, 70) }, 0.5f, 1e-5, 0 },
    { "sum", "columns", sum_columns, { MATRIX(5, 12) }, 0.5f, 1e-5, 0 },
    { "sum", "mean of all", mean, { MATRIX(5, 12) }, 0.5f, 3e-4, 0 },
    { "sum", "mean of rows", mean_rows, { MATRIX(5, 12) }, 0.5f, 1e-5, 0 },
    { "sum", "mean of columns", mean_columns, { MATRIX(5, 12) }, 0.5f, 1e-5, 0 },
    { "sum", "mean squares", squares, { MATRIX(5, 6), MATRIX(5, 6) }, 0.25f, 3e-4, 0 },
    { "softmax", "rows", of_softmax, { RANGE(4, 19, -3, 3) }, 0.125f, 1e-4, 0 },
    { "log_softmax", "rows", of_log_softmax, { RANGE(4, 19, -3, 3) }, 0.125f, 1e-4, 0 },
    { "cross_entropy", "classes", classes_cross_entropy,
      { RANGE(6, 7, -3, 3) }, 0.125f, 1e-4, 0 },
    { "embedding", "with positions", embedding,
      { TABLE(5, 7), TABLE(3, 7) }, 0.5f, 1e-5, 0 },
    { "embedding", "wide", embedding, { TABLE(5, 70) }, 0.5f, 1e-5, 0 },
    { "rms_norm", "rows", rms_norm, { MATRIX(5, 12), VECTOR(12) }, 0.03125f, 1e-4, 0 },
    { "rms_norm", "heads", rms_norm, { MATRIX(3, 24), VECTOR(8) }, 0.03125f, 1e-4, 0 },
    { "rms_norm", "many rows", rms_norm,
      { RANGE(70, 3, 1, 2), VECTOR(3) }, 0.03125f, 1e-4, 0 },
    { "rms_norm", "without weight", rms_norm_plain, { MATRIX(5, 12) }, 0.03125f, 1e-4, 0 },
    { "layer_norm", "rows", layer_norm,
      { MATRIX(5, 12), VECTOR(12), VECTOR(12) }, 0.03125f, 1e-4, 0 },
    { "layer_norm", "off centre", layer_norm,
      { RANGE(4, 17, 10, 14), VECTOR(17), VECTOR(17) }, 0.125f, 1e-4, 0 },
    { "layer_norm", "many rows", layer_norm,
      { MATRIX(70, 5), VECTOR(5), VECTOR(5) }, 0.015625f, 1e-4, 0 },
    { "layer_norm", "without bias", layer_norm_no_bias,
      { MATRIX(5, 12), VECTOR(12) }, 0.03125f, 1e-4, 0 },
    { "layer_norm", "of x alone", layer_norm_plain, { MATRIX(5, 12) }, 0.03125f, 1e-4, 0 },
    { "rope", "pairs", rope_pairs, { MATRIX(6, 12) }, 0.5f, 1e-5, 0 },
    { "rope", "frequencies", rope_freq, { MATRIX(6, 12) }, 0.5f, 1e-5, 0 },
    { "rope", "neox", rope_neox, { MATRIX(6, 18) }, 0.5f, 1e-5, 0 },
    { "swiglu", "rows", swiglu, { RANGE(4, 19, -3, 3), MATRIX(4, 19) }, 0.125f, 1e-4, 0 },
    { "swiglu", "far", swiglu, { RANGE(2, 8, -40, 40), MATRIX(2, 8) }, 0.125f, 1e-4, 0 },
    { "geglu", "rows", geglu, { RANGE(4, 19, -3, 3), MATRIX(4, 19) }, 0.0625f, 1e-4, 0 },
    { "swiglu_clamped", "between the limits", swiglu_clamped,
      { RANGE(4, 19, -6, 1.5f), RANGE(4, 19, -1.5f, 1.5f) }, 0.0625f, 1e-4, 0 },
    { "swiglu_clamped", "gate beyond", swiglu_clamped,
      { RANGE(4, 19, 2.5f, 6), RANGE(4, 19, -1.5f, 1.5f) }, 0.0625f, 1e-4, 0 },
    { "swiglu_clamped", "up beyond", swiglu_clamped,
      { RANGE(4, 19, -6, 1.5f), RANGE(4, 19, 2.5f, 6) }, 0.0625f, 1e-4, 0 },
    { "swiglu_clamped", "up below", swiglu_clamped,
      { RANGE(4, 19, -6, 1.5f), RANGE(4, 19, -6, -2.5f) }, 0.0625f, 1e-4, 0 },
    { "gelu_erf", "rows", of_gelu_erf, { RANGE(4, 19, -3, 3) }, 0.0625f, 1e-4, 0 },
    { "gelu_erf", "far", of_gelu_erf, { RANGE(2, 8, -20, 20) }, 0.0625f, 1e-4, 0 },
    { "gelu", "rows", gelu, { RANGE(4, 19, -3, 3) }, 0.0625f, 1e-4, 0 },
    { "gelu", "far", gelu, { RANGE(2, 8, -20, 20) }, 0.0625f, 1e-4, 0 },
    { "attention", "grouped, two documents", attention,
      { MATRIX(6, 8), MATRIX(6, 4), MATRIX(6, 4) }, 0.0625f, 1e-4, 0 },
    { "attention", "soft cap", attention_soft_cap,
      { MATRIX(6, 8), MATRIX(6, 8), MATRIX(6, 8) }, 0.0625f, 1e-4, 0 },
    { "attention", "window", attention_window,
      { MATRIX(10, 12), MATRIX(10, 6), MATRIX(10, 6) }, 0.0625f, 1e-4, 0 },
    { "attention", "sinks", attention_sinks,
      { MATRIX(6, 12), MATRIX(6, 4), MATRIX(6, 4), VECTOR(3) }, 0.0625f, 1e-4, 0 },
    { "attention", "sinks, window", attention_sinks_window,
      { MATRIX(10, 12), MATRIX(10, 6), MATRIX(10, 6), VECTOR(4) }, 0.0625f, 1e-4, 0 },
    { "attention", "window, soft cap", attention_window_cap,
      { MATRIX(10, 15), MATRIX(10, 5), MATRIX(10, 5) }, 0.0625f, 1e-4, 0 },
    { "attention", "sinks, window, soft cap, growing scale", attention_all,
      { MATRIX(10, 12), MATRIX(10, 3), MATRIX(10, 3), VECTOR(4) }, 0.0625f, 1e-4, 0 },
    { "attention", "heads of 24", attention_24,
      { MATRIX(6, 48), MATRIX(6, 24), MATRIX(6, 24) }, 0.0625f, 1e-4, 0 },
    { "attention", "heads of 80, sinks, soft cap", attention_80,
      { MATRIX(6, 80), MATRIX(6, 80), MATRIX(6, 80), VECTOR(1) }, 0.25f, 1e-4, 0 },
    { "attention", "heads of 512, window", attention_512,
      { MATRIX(6, 512), MATRIX(6, 512), MATRIX(6, 512) }, 0.25f, 1e-4, 0 },
    { "causal_conv", "with bias, two documents", causal_conv,
      { MATRIX(6, 5), TABLE(5, 4), VECTOR(5) }, 0.5f, 1e-5, 0 },
    { "causal_conv", "one document", causal_conv_one_document,
      { MATRIX(10, 70), TABLE(70, 3) }, 0.5f, 1e-5, 0 },
    { "delta_rule", "grouped, two documents", delta_rule,
      { RANGE(6, 4, 0.5f, 1), RANGE(6, 4, 0.5f, 1), MATRIX(6, 6), RANGE(6, 2, -2, 0),
        RANGE(6, 2, 0, 1) }, 0.03125f, 1e-4, 0 },
    { "delta_rule", "one document", delta_rule_one_document,
      { MATRIX(10, 6), MATRIX(10, 6), MATRIX(10, 8), RANGE(10, 2, -1, 0),
        RANGE(10, 2, 0, 1) }, 0.03125f, 1e-4, 0 },
    { "ssd", "groups, two documents", ssd,
      { MATRIX(6, 12), MATRIX(6, 10), MATRIX(6, 10), RANGE(6, 4, 0.1f, 1),
        RANGE(1, 4, -2, -0.1f), MATRIX(1, 4) }, 0.03125f, 1e-4, 0 },
    { "ssd", "one document", ssd_one_document,
      { MATRIX(10, 8), MATRIX(10, 4), MATRIX(10, 4), RANGE(10, 2, 0.1f, 1),
        RANGE(2, 1, -2, -0.1f), MATRIX(2, 1) }, 0.03125f, 1e-4, 0 },


    { "choose", "softmax", route_softmax, { SLIGHT }, 0.0625f, 1e-4, 0 },
    { "route", "over the chosen", route_over_chosen, { SLIGHT }, 0.0625f, 1e-4, 0 },
    { "route", "sigmoid and bias", route_sigmoid, { SLIGHT }, 0.0625f, 1e-4, 0 },
    { "by_expert", "weights and factors", by_expert, { SLIGHT, VECTOR(EXPERTS) }, 0.0625f,
      1e-4, 0 },
    { "balance", "softmax", balance, { SLIGHT }, 0.0625f, 1e-4, 1 },
    { "balance", "sigmoid", balance_sigmoid, { SLIGHT }, 0.0625f, 1e-4, 1 },
    { "experts_linear", "in, bias", experts_in,
      { SLIGHT, MATRIX(6, WIDE_IN), TABLE(EXPERTS * WIDE_OUT, WIDE_IN),
        TABLE(EXPERTS, WIDE_OUT) }, 0.0625f, 1e-4, 0 },
    { "experts_linear", "in, sum", experts_in_and_sum,
      { SLIGHT, MATRIX(6, WIDE_IN), TABLE(EXPERTS * WIDE_OUT, WIDE_IN),
        MATRIX(6 * USED, WIDE_OUT) }, 0.0625f, 1e-4, 0 },
    { "experts_linear", "in place", experts_pair,
      { SLIGHT, MATRIX(6, WIDE_IN), TABLE(EXPERTS * WIDE_OUT, WIDE_IN),
        TABLE(EXPERTS * 2, WIDE_IN), TABLE(EXPERTS * WIDE_OUT, 2) }, 0.0625f, 1e-4, 0 },
    { "experts_out", "bias and sum", experts_out,
      { SLIGHT, MATRIX(6 * USED, WIDE_IN), TABLE(EXPERTS * WIDE_OUT, WIDE_IN),
        TABLE(EXPERTS, WIDE_OUT), MATRIX(6, WIDE_OUT) }, 0.0625f, 1e-4, 0 },
    { "experts_out", "in place", experts_out_in_place,
      { SLIGHT, MATRIX(6 * USED, WIDE_IN), TABLE(EXPERTS * WIDE_OUT, WIDE_IN) },
      0.0625f, 1e-4, 0 },
    { "output_loss", "cross-entropy", cross_entropy,
      { MATRIX(6, 5), TABLE(7, 5) }, 0.0625f, 1e-4, 1 },
    { "output_loss", "soft cap", cross_entropy_capped,
      { MATRIX(6, 5), TABLE(7, 5) }, 0.0625f, 1e-4, 1 },
    { "output_loss", "bias", cross_entropy_bias,
      { MATRIX(6, 5), TABLE(7, 5), VECTOR(7) }, 0.0625f, 1e-4, 1 },
    { "output_loss", "label smoothing, z-loss", cross_entropy_smooth,
      { MATRIX(6, 5), TABLE(7, 5) }, 0.0625f, 1e-4, 1 },
    { "output_loss", "squares", mse, { MATRIX(6, 5), TABLE(7, 5) }, 0.25f, 1e-4, 1 },
    { "output_loss", "cross-entropy, weights", cross_entropy_weighted,
      { MATRIX(6, 5), TABLE(7, 5) }, 0.0625f, 1e-4, 1 },
    { "inverse_norms", "as factors", inverse_norms, { MATRIX(6, 5) }, 0.5f, 1e-5, 0 },
    { "dropout", "a third", dropout, { MATRIX(6, 70) }, 0.5f, 1e-5, 0 },
    { "noise", "two documents", noise, { MATRIX(6, 70) }, 0.5f, 1e-5, 0 },
    { "add_rows", "some of them", add_rows, { MATRIX(6, 70), TABLE(2, 70) }, 0.5f, 1e-5, 0 },
    { "output_loss", "rows", cross_entropy_rows,
      { MATRIX(6, 5), TABLE(7, 5), TABLE(2, 5), TABLE(5, 5) }, 0.0625f, 1e-4, 1 },
    { "output_loss", "adapters", cross_entropy_parts,
      { MATRIX(6, 5), TABLE(7, 5), TABLE(2, 5), TABLE(7, 2), TABLE(5, 3), TABLE(7, 3) },
      0.0625f, 1e-4, 1 },
    { "output_loss", "squares, weights", mse_weighted,
      { MATRIX(6, 5), TABLE(7, 5) }, 0.0625f, 1e-4, 1 },
};
enum { N_CASE = sizeof cases / sizeof cases[0] };

static const char *const op_names[] = {
#define TR_OP(name) #name,
#include <libtrain/ops/ops.def>
#undef TR_OP
};
enum { N_OP = sizeof op_names / sizeof op_names[0] };

START_TEST(test_case)
{
    struct tr_err err = {0};
    struct tr_gradcheck c = { .name = cases[_i].what, .f = cases[_i].build,
                              .step = cases[_i].step, .tolerance = cases[_i].tolerance,
                              .loss = cases[_i].is_loss ? &loss_sum : NULL,
                              .loss_scale = (double)LOSS_SCALE };
    memcpy(c.in, cases[_i].in, sizeof c.in);
    ck_assert_msg(!tr_gradcheck(&c, &err), "%s: %s", cases[_i].op, err.text);
}
END_TEST

START_TEST(test_every_op_has_a_case)
{
    int found = 0;
    for (int i = 0; i < N_CASE; i++)
        found += !strcmp(cases[i].op, op_names[_i]);
    ck_assert_msg(found > 0, "no case for '%s'", op_names[_i]);
}
END_TEST

/* Wrong on purpose: the checker must notice. */
static void wrong_forward(struct tr_node *nd)
{
    for (int64_t i = 0; i < tr_tensor_count(nd->out); i++)
        ((float *)nd->out->data)[i] = 1.001f * ((const float *)nd->in[0]->data)[i];
}

static void forgets_factor(struct tr_node *nd)
{
    for (int64_t i = 0; i < tr_tensor_count(nd->out); i++)
        nd->in[0]->grad[i] += nd->out->grad[i];
}

static void overwrites(struct tr_node *nd)
{
    for (int64_t i = 0; i < tr_tensor_count(nd->out); i++)
        nd->in[0]->grad[i] = 1.001f * nd->out->grad[i];
}

static struct tr_tensor *wrong(struct tr_tape *tp, const struct tr_op *op,
                               struct tr_tensor *x)
{
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                                .in = { x },
                                                .out = tr_op_output(tp, op, 2, x->dim) });
}

BUILD(wrong_factor)
{
    UNUSED;
    static const struct tr_op op = { .name = "wrong", .forward = wrong_forward,
                                     .backward = forgets_factor };
    return wrong(tp, &op, in[0]);
}

BUILD(wrong_sum)
{
    UNUSED;
    static const struct tr_op op = { .name = "wrong", .forward = wrong_forward,
                                     .backward = overwrites };
    return wrong(tp, &op, in[0]);
}

/* Right, but it takes scratch that it does not announce. */
static void takes_scratch(struct tr_node *nd)
{
    size_t mark = tr_arena_mark(nd->scratch);
    ck_assert_ptr_nonnull(tr_arena_alloc(nd->scratch, 1 << 20));
    tr_arena_rewind(nd->scratch, mark);
    for (int64_t i = 0; i < tr_tensor_count(nd->out); i++)
        nd->in[0]->grad[i] += 1.001f * nd->out->grad[i];
}

BUILD(wrong_scratch)
{
    UNUSED;
    static const struct tr_op op = { .name = "wrong", .forward = wrong_forward,
                                     .backward = takes_scratch };
    return wrong(tp, &op, in[0]);
}

static void fails(struct tr_node *nd)
{
    tr_err_set(&nd->scratch->err, TR_ENOMEM, "no memory for a test");
}

BUILD(failing)
{
    UNUSED;
    static const struct tr_op op = { .name = "failing", .forward = fails,
                                     .backward = forgets_factor };
    return wrong(tp, &op, in[0]);
}

static const struct {
    struct tr_tensor *(*f)(void *ctx, struct tr_tape *tp, struct tr_tensor **in);
    int code;
    const char *text;
} wrongs[] = { { wrong_factor, TR_EMISMATCH, "a test: input 0 (0, 0): gradient" },
               { wrong_sum, TR_EMISMATCH, "a test: input 0 (0, 0): gradient" },
               { wrong_scratch, TR_EMISMATCH, "a test: more scratch" },
               { failing, TR_ENOMEM, "no memory for a test" } };

START_TEST(test_wrong_gradient_is_found)
{
    struct tr_err err = {0};
    struct tr_gradcheck c = { .name = "a test", .f = wrongs[_i].f, .in = { TABLE(2, 3) },
                              .step = 0.5f, .tolerance = 1e-4 };
#if defined(__SANITIZE_ADDRESS__) /* arenas have other sizes there */
    if (wrongs[_i].f == wrong_scratch)
        return;
#endif
    ck_assert_int_eq(tr_gradcheck(&c, &err), wrongs[_i].code);
    ck_assert_msg(strstr(err.text, wrongs[_i].text) == err.text, "%s", err.text);
}
END_TEST

/* x w^T + x a^T b^T with the second sum over the first: a loss that is a view. */
struct adapted {
    struct tr_tensor x, w, a, b;
};

static struct tr_tensor *run_adapted(void *ctx, struct tr_tape *tp)
{
    struct adapted *p = ctx;
    tr_segment_begin(tp);
    struct tr_tensor *y = tr_linear(tp, &p->x, &p->w, NULL);
    struct tr_tensor *u = tr_linear(tp, &p->x, &p->a, NULL);
    y = tr_linear(tp, u, &p->b, &(struct tr_linear){ .add = y, .in_place = 1 });
    return tr_segment_end(tp, y);
}

static struct tr_tensor row(int64_t n, float *data, float *grad)
{
    struct tr_tensor t = tr_tensor_make("p", &tr_f32, 2, (int64_t[]){ 1, n }, data);
    t.grad = grad;
    t.needs_grad = grad != NULL;
    return t;
}

static void nothing(void *ctx, struct tr_tensor *t)
{
    (void)ctx, (void)t;
}

/* Also behind a plan of tr_tape_backward_each, which gives parameters empty gradients. */
START_TEST(test_loss_that_is_a_view)
{
    float x[] = { 1, 2 }, w[] = { 3, 4 }, a[] = { 1, 1 }, b[] = { 2 };
    float dw[] = { 100, 200 }, da[] = { 0, 0 }, db[] = { 0 };
    struct adapted p = { row(2, x, NULL), row(2, w, dw), row(2, a, da), row(1, b, db) };
    struct tr_tape *plan = tr_tape_new_planning(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, NULL);
    tr_tape_backward_each(plan, run_adapted(&p, plan), nothing, NULL);
    tr_tape_free(plan);
    p.w.grad = dw, p.a.grad = da, p.b.grad = db;
    struct tr_tape *tp = tape_planned(TR_TAPE_TRAIN, TR_RECOMPUTE_CHEAP, run_adapted, &p);
    tr_tape_backward(tp, run_adapted(&p, tp));
    tr_tape_free(tp);
    ck_assert(dw[0] == 101 && dw[1] == 202);
    ck_assert(da[0] == 2 && da[1] == 4);
    ck_assert(db[0] == 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradients");
    TCase *tc = tcase_create("gradients");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_every_op_has_a_case, 0, N_OP);
    tcase_add_loop_test(tc, test_case, 0, N_CASE);
    tcase_add_loop_test(tc, test_wrong_gradient_is_found, 0, 4);
    tcase_add_test(tc, test_loss_that_is_a_view);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
