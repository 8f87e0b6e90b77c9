/* SPDX-License-Identifier: MIT
 *
 * Which experts a row goes to, and in which order the rows of all experts lie.  It is an
 * operation of its own because a choice is no function that has a slope, and because it
 * must not be made again: with other roundings it might come out differently, and then the
 * gradients would be those of another model.  Next: route.c.
 */
#include <libtrain/ops/route.h>

#include <string.h>

enum { LOGITS, BIAS };

struct choose_args {
    const struct tr_gating *gating;
    int k;
};

/* What experts are compared by.  Logits are in the order of their scores, but never equal
 * because a score was rounded to 0 or 1. */
static const float *compared(const float *z, const float *bias, int64_t n,
                             const struct tr_gating *gating, float *room)
{
    if (!bias)
        return z;
    gating->scores(z, n, room);
    for (int64_t e = 0; e < n; e++)
        room[e] += bias[e];
    return room;
}

/* The k largest of v (n), the first of equal ones; k different ones also with NaN. */
static void best(const float *v, int64_t n, int k, int32_t *chosen)
{
    int have = 0;
    for (int32_t e = 0; e < n; e++) {
        int at = have;
        while (at && v[e] > v[chosen[at - 1]])
            at--;
        if (at == k)
            continue;
        have += have < k;
        memmove(chosen + at + 1, chosen + at, (size_t)(have - 1 - at) * sizeof *chosen);
        chosen[at] = e;
    }
}

/* Rows by expert, from what is chosen. */
static void sort_rows(const struct tr__dispatch *d)
{
    int32_t next[TR_MAX_EXPERT];
    memset(d->first, 0, (size_t)(d->n_expert + 1) * sizeof *d->first);
    for (int64_t i = 0; i < d->n * d->k; i++)
        d->first[d->chosen[i] + 1]++;
    for (int e = 0; e < d->n_expert; e++) {
        d->first[e + 1] += d->first[e];
        next[e] = d->first[e];
    }
    for (int64_t i = 0; i < d->n * d->k; i++)
        d->slot[next[d->chosen[i]]++] = (int32_t)i;
}

static void choose_forward(struct tr_node *nd)
{
    const struct choose_args *args = nd->args;
    const struct tr_tensor *z = nd->in[LOGITS];
    const float *bias = nd->in[BIAS] ? nd->in[BIAS]->data : NULL;
    int64_t n = tr_tensor_rows(z), n_expert = tr_tensor_cols(z);
    struct tr__dispatch d = tr__dispatch_of(nd->out, n, args->k, (int)n_expert);
#pragma omp parallel for schedule(static) if (n * n_expert > 4096)
    for (int64_t t = 0; t < n; t++) {
        float room[TR_MAX_EXPERT];
        best(compared(tr_tensor_row(z, t), bias, n_expert, args->gating, room), n_expert,
             args->k, d.chosen + t * args->k);
    }
    sort_rows(&d);
}

const struct tr_op tr__op_choose = { .name = "choose", .forward = choose_forward };

struct tr_tensor *tr__choose(struct tr_tape *tp, struct tr_tensor *logits,
                             const struct tr_route *opt)
{
    const struct tr_op *op = &tr__op_choose;
    int64_t n = tr_tensor_rows(logits), n_expert = tr_tensor_cols(logits);
    const struct tr_tensor *bias = opt->bias;
    tr_op_require(tp, n_expert <= TR_MAX_EXPERT && opt->n_used >= 1 &&
                  opt->n_used <= n_expert, op, logits, logits);
    tr_op_require(tp, !bias || (bias->dtype == &tr_f32 &&
                                tr_tensor_count(bias) == n_expert), op, bias, logits);
    struct choose_args args = { opt->gating, opt->n_used };
    int64_t size = tr__dispatch_size(n, opt->n_used, (int)n_expert);
    return tr_op_run(tp, &(struct tr_op_call){ .op = op,
                                               .in = { logits, opt->bias },
                                               .out = tr_op_integers(tp, op, size),
                                               .args = &args,
                                               .args_bytes = sizeof args });
}
