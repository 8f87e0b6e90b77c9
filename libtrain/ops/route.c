/* SPDX-License-Identifier: MIT
 *
 * The weights of chosen experts, and the two ways to score experts.  A weight is a score,
 * as it is or divided by the sum of those chosen; its gradient goes through that to the
 * logits, as if the choice were fixed.  Scores are computed again for backward.  Derivation: docs/maths/experts.md.
 * Next: experts_linear.c.
 */
#include <libtrain/base/vmath.h>
#include <libtrain/ops/elementwise.h>
#include <libtrain/ops/route.h>

#include <string.h>

/* ---- scores ------------------------------------------------------------------------ */

/* dz = s (ds - s . ds) */
static void softmax_slope(const float *z, const float *s, const float *ds, int64_t n,
                          float *dz)
{
    double dot = 0;
    (void)z;
#pragma omp simd reduction(+ : dot)
    for (int64_t e = 0; e < n; e++)
        dot += (double)(s[e] * ds[e]);
    float less = (float)dot;
#pragma omp simd
    for (int64_t e = 0; e < n; e++)
        dz[e] += s[e] * (ds[e] - less);
}

static void sigmoid_scores(const float *z, int64_t n, float *s)
{
#pragma omp simd
    for (int64_t e = 0; e < n; e++)
        s[e] = tr__sigmoidf(z[e]);
}

static void sigmoid_slope(const float *z, const float *s, const float *ds, int64_t n,
                          float *dz)
{
    (void)s;
#pragma omp simd
    for (int64_t e = 0; e < n; e++)
        dz[e] += ds[e] * tr__sigmoid_slopef(z[e]);
}

/* ---- weights ----------------------------------------------------------------------- */

enum { LOGITS, CHOICE };

struct route_args {
    const struct tr_gating *gating;
    int normalise;
    float eps, scale;
};

/* What the scores of the chosen are divided by. */
static float divisor(const float *s, const int32_t *chosen, int64_t k,
                     const struct route_args *args)
{
    float sum = args->eps;
    for (int64_t j = 0; j < k && args->normalise; j++)
        sum += s[chosen[j]];
    return args->normalise ? sum : 1;
}

static void route_forward(struct tr_node *nd)
{
    const struct route_args *args = nd->args;
    const struct tr_tensor *z = nd->in[LOGITS], *w = nd->out;
    int64_t n = tr_tensor_rows(z), n_expert = tr_tensor_cols(z), k = tr_tensor_cols(w);
    const int32_t *chosen = nd->in[CHOICE]->data;
#pragma omp parallel for schedule(static) if (tr__many(n, n_expert))
    for (int64_t t = 0; t < n; t++) {
        float s[TR_MAX_EXPERT];
        args->gating->scores(tr_tensor_row(z, t), n_expert, s);
        float scale = args->scale / divisor(s, chosen + t * k, k, args);
        for (int64_t j = 0; j < k; j++)
            tr_tensor_row(w, t)[j] = scale * s[chosen[t * k + j]];
    }
}

/* ds (n_expert) from dw (k): with weights c s_j / S each score changes S too. */
static void score_gradient(const float *s, const float *dw, const int32_t *chosen,
                           int64_t k, const struct route_args *args, float *ds)
{
    float sum = divisor(s, chosen, k, args), less = 0;
    for (int64_t j = 0; j < k && args->normalise; j++)
        less += dw[j] * s[chosen[j]] / sum;
    for (int64_t j = 0; j < k; j++)
        ds[chosen[j]] = args->scale / sum * (dw[j] - less);
}

static void logits_gradient(const struct tr_node *nd)
{
    const struct route_args *args = nd->args;
    const struct tr_tensor *z = nd->in[LOGITS], *w = nd->out;
    int64_t n = tr_tensor_rows(z), n_expert = tr_tensor_cols(z), k = tr_tensor_cols(w);
    const int32_t *chosen = nd->in[CHOICE]->data;
#pragma omp parallel for schedule(static) if (tr__many(n, n_expert))
    for (int64_t t = 0; t < n; t++) {
        float s[TR_MAX_EXPERT], ds[TR_MAX_EXPERT];
        memset(ds, 0, (size_t)n_expert * sizeof *ds);
        args->gating->scores(tr_tensor_row(z, t), n_expert, s);
        score_gradient(s, tr_tensor_grad_row(w, t), chosen + t * k, k, args, ds);
        args->gating->slope(tr_tensor_row(z, t), s, ds, n_expert, tr_tensor_grad_row(z, t));
    }
}

static void route_backward(struct tr_node *nd)
{
    if (nd->in[LOGITS]->grad)
        logits_gradient(nd);
}

struct tr_routing tr_route(struct tr_tape *tp, struct tr_tensor *logits,
                           const struct tr_route *opt)
{
    const struct tr_op *op = &tr__op_route;
    struct tr_tensor *choice = tr__choose(tp, logits, opt);
    struct tr_tensor *z = logits;
    if (opt->balance != 0 || opt->balance_loss)
        z = tr__balance(tp, logits, choice, opt);
    struct route_args args = { opt->gating, opt->normalise, opt->eps,
                               opt->scale == 0 ? 1 : opt->scale };
    int64_t dim[] = { tr_tensor_rows(logits), opt->n_used };
    struct tr_op_call call = { .op = op, .in = { z, choice }, .args = &args,
                               .args_bytes = sizeof args };
    call.out = tr_op_output(tp, op, 2, dim);
    return (struct tr_routing){ tr_op_run(tp, &call), choice, (int)tr_tensor_cols(logits) };
}

void tr_routing_rows(const struct tr_routing *r, const int32_t **first,
                     const int32_t **place)
{
    struct tr__dispatch d = tr__dispatch_of(r->choice, tr_tensor_rows(r->weight),
                                            (int)tr_tensor_cols(r->weight), r->n_expert);
    *first = d.first;
    *place = d.slot;
}

const struct tr_op tr__op_route = {
    .name = "route",
    .forward = route_forward,
    .backward = route_backward,
    .cheap = 1,
};

const struct tr_gating tr_gating_softmax = { tr__softmax_row, softmax_slope };
const struct tr_gating tr_gating_sigmoid = { sigmoid_scores, sigmoid_slope };
