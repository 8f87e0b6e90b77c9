/* SPDX-License-Identifier: MIT
 *
 * The loss that keeps experts equally busy (Fedus et al. 2021).  A tape has one loss, and
 * this one arises in the middle of it, so it is never a result: the operation hands logits
 * on as they are, and adds to their gradient on the way back.  Derivation:
 * docs/maths/experts.md.
 */
#include <libtrain/ops/elementwise.h>
#include <libtrain/ops/route.h>

enum { LOGITS, CHOICE };

struct balance_args {
    const struct tr_gating *gating;
    int k;
    float scale;
    double *loss;
};

/* f (n_expert): the share of the rows that go to each expert. */
static void shares(const struct tr_node *nd, float *f)
{
    const struct balance_args *args = nd->args;
    const struct tr_tensor *z = nd->in[LOGITS];
    int64_t n = tr_tensor_rows(z), n_expert = tr_tensor_cols(z);
    struct tr__dispatch d = tr__dispatch_of(nd->in[CHOICE], n, args->k, (int)n_expert);
    for (int64_t e = 0; e < n_expert; e++)
        f[e] = (float)(d.first[e + 1] - d.first[e]) / (float)n;
}

/* Scores of a row, their sum, and the mean of f by them. */
static float mean_share(const struct tr_gating *gating, const float *z, const float *f,
                        int64_t n, float *s, float *sum)
{
    float dot = 0;
    gating->scores(z, n, s);
    *sum = 0;
    for (int64_t e = 0; e < n; e++) {
        *sum += s[e];
        dot += s[e] * f[e];
    }
    return dot / *sum;
}

static void balance_forward(struct tr_node *nd)
{
    const struct balance_args *args = nd->args;
    const struct tr_tensor *z = nd->in[LOGITS];
    int64_t n = tr_tensor_rows(z), n_expert = tr_tensor_cols(z);
    float f[TR_MAX_EXPERT], s[TR_MAX_EXPERT], sum;
    double total = 0;
    if (!args->loss)
        return;
    shares(nd, f);
    for (int64_t t = 0; t < n; t++)
        total += (double)mean_share(args->gating, tr_tensor_row(z, t), f, n_expert, s,
                                    &sum);
    *args->loss = total * (double)n_expert / (double)n;
}

static void balance_backward(struct tr_node *nd)
{
    const struct balance_args *args = nd->args;
    const struct tr_tensor *z = nd->in[LOGITS];
    int64_t n = tr_tensor_rows(z), n_expert = tr_tensor_cols(z);
    float f[TR_MAX_EXPERT], factor = args->scale * (float)n_expert / (float)n;
    shares(nd, f);
#pragma omp parallel for schedule(static) if (tr__many(n, n_expert))
    for (int64_t t = 0; t < n; t++) {
        float s[TR_MAX_EXPERT], ds[TR_MAX_EXPERT], sum;
        const float *row = tr_tensor_row(z, t);
        float mean = mean_share(args->gating, row, f, n_expert, s, &sum);
        for (int64_t e = 0; e < n_expert; e++)
            ds[e] = factor * (f[e] - mean) / sum;
        args->gating->slope(row, s, ds, n_expert, tr_tensor_grad_row(z, t));
    }
}

const struct tr_op tr__op_balance = {
    .name = "balance",
    .forward = balance_forward,
    .backward = balance_backward,
};

struct tr_tensor *tr__balance(struct tr_tape *tp, struct tr_tensor *logits,
                              struct tr_tensor *choice, const struct tr_route *opt)
{
    const struct tr_op *op = &tr__op_balance;
    int64_t n = tr_tensor_rows(logits), n_expert = tr_tensor_cols(logits);
    struct balance_args args = { opt->gating, opt->n_used, opt->balance,
                                 opt->balance_loss };
    return tr_op_run(tp, &(struct tr_op_call){
                             .op = op,
                             .in = { logits, choice },
                             .out = tr_op_alias(tp, logits, 0, n, n_expert),
                             .args = &args,
                             .args_bytes = sizeof args });
}
