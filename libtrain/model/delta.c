/* SPDX-License-Identifier: MIT
 *
 * The gated delta net (Yang, Kautz, Hatamizadeh 2024) as Qwen has it: queries, keys and
 * values from one matrix and a short convolution, how much is forgotten and written from two
 * thin ones, and a gate behind the norm of what is read.  Its state is the last rows in
 * front of the convolution and a matrix a head.  The arithmetic is in ops/delta.c.
 */
#include <libtrain/model/decoder.h>

#include <math.h>

static int64_t conv_state(const struct tr_config *c)
{
    const struct tr_ssm *s = &c->ssm;
    return (c->conv_taps - 1) * (2 * s->group_count * s->state_size + s->inner_size);
}

static int64_t state(const struct tr_config *c, const struct tr_layer *l)
{
    (void)l;
    return conv_state(c) + c->ssm.state_size * c->ssm.inner_size;
}

/* q, k and v side by side. */
static struct tr_tensor *mixed(const struct tr__decoder *d, struct tr_tensor *x)
{
    struct tr_tensor *y = tr__project(d, x, TR_DELTA_QKV, TR_N_SLOT, NULL);
    return tr_silu(d->tp, tr_causal_conv(d->tp, y, tr__tensor(d, TR_DELTA_CONV), NULL,
                                         d->batch->pos, tr__state(d)));
}

/* The logarithm of what is left of the state, a number a head. */
static struct tr_tensor *decay(const struct tr__decoder *d, struct tr_tensor *x)
{
    struct tr_tensor *a = tr__project(d, x, TR_DELTA_ALPHA, TR_DELTA_DT_BIAS, NULL);
    return tr_mul(d->tp, tr_softplus(d->tp, a), tr__tensor(d, TR_DELTA_A));
}

static struct tr_tensor *rule(const struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_config *c = &d->m->config;
    const struct tr_ssm *s = &c->ssm;
    int64_t keys = s->group_count * s->state_size;
    struct tr_tensor *all = mixed(d, x), *g = decay(d, x);
    struct tr_tensor *beta = tr__project(d, x, TR_DELTA_BETA, TR_N_SLOT, NULL);
    struct tr_delta_rule opt = {
        .n_head_k = (int)s->group_count,
        .n_head_v = (int)s->time_step_rank,
        .head_k = (int)s->state_size,
        .head_v = (int)(s->inner_size / s->time_step_rank),
        .scale = 1 / sqrtf((float)s->state_size),
        .eps = 1e-6f, /* of no file: that of the model this is */
        .state = tr__state(d) ? tr__state(d) + conv_state(c) : NULL,
    };
    return tr_delta_rule(d->tp, tr_columns(d->tp, all, 0, keys),
                         tr_columns(d->tp, all, keys, keys),
                         tr_columns(d->tp, all, 2 * keys, s->inner_size), g,
                         tr_sigmoid(d->tp, beta), d->batch->pos, &opt);
}

static struct tr_tensor *delta(struct tr__decoder *d, struct tr_tensor *x,
                               struct tr_tensor *add)
{
    struct tr_tensor *y = tr_rms_norm(d->tp, rule(d, x), tr__tensor(d, TR_DELTA_NORM),
                                      d->m->config.norm_eps);
    struct tr_tensor *gate = tr__project(d, x, TR_DELTA_GATE, TR_N_SLOT, NULL);
    return tr__project(d, tr_swiglu(d->tp, gate, y), TR_DELTA_OUT, TR_N_SLOT, add);
}

const struct tr_mixer tr__mixer_delta = {
    .name = "gated delta net",
    .part = TR_PART_DELTA,
    .run = delta,
    .state = state,
};
