/* SPDX-License-Identifier: MIT
 *
 * Mamba-2 (Dao, Gu 2024) as a mixer: one matrix makes the gate z, the rows x, b and c, and
 * the steps dt.  x, b and c go through a short convolution together; a state-space layer
 * mixes the rows, and mostly a norm of each group is behind the gate.  Its state is the last
 * rows in front of the convolution and a matrix a head.  The arithmetic is in ops/ssd.c.
 */
#include <libtrain/model/decoder.h>

/* Columns of b, and of c. */
static int64_t bc(const struct tr_config *c)
{
    return c->ssm.group_count * c->ssm.state_size;
}

static int64_t conv_width(const struct tr_config *c)
{
    return c->ssm.inner_size + 2 * bc(c);
}

static int64_t conv_state(const struct tr_config *c)
{
    return (c->conv_taps - 1) * conv_width(c);
}

static int64_t state(const struct tr_config *c, const struct tr_layer *l)
{
    (void)l;
    return conv_state(c) + c->ssm.state_size * c->ssm.inner_size;
}

/* all: z; x, b and c; dt, side by side. */
static struct tr_tensor *mix(const struct tr__decoder *d, struct tr_tensor *all)
{
    const struct tr_config *c = &d->m->config;
    int64_t inner = c->ssm.inner_size, heads = c->ssm.time_step_rank;
    struct tr_tensor *xbc = tr_causal_conv(
        d->tp, tr_columns(d->tp, all, inner, conv_width(c)), tr__tensor(d, TR_SSM_CONV),
        tr__tensor(d, TR_SSM_CONV_BIAS), d->batch->pos, tr__state(d));
    struct tr_tensor *dt = tr_columns(d->tp, all, inner + conv_width(c), heads);
    struct tr_ssd opt = {
        .n_head = (int)heads,
        .n_group = (int)c->ssm.group_count,
        .d_head = (int)(inner / heads),
        .d_state = (int)c->ssm.state_size,
        .state = tr__state(d) ? tr__state(d) + conv_state(c) : NULL,
    };
    xbc = tr_silu(d->tp, xbc);
    dt = tr_softplus(d->tp, tr_add(d->tp, dt, tr__tensor(d, TR_SSM_DT_BIAS)));
    return tr_ssd(d->tp, tr_columns(d->tp, xbc, 0, inner),
                  tr_columns(d->tp, xbc, inner, bc(c)),
                  tr_columns(d->tp, xbc, inner + bc(c), bc(c)), dt,
                  tr__tensor(d, TR_SSM_A), tr__tensor(d, TR_SSM_D), d->batch->pos, &opt);
}

/* Groups become rows where there are several, for each has a weight of its own; there may
 * be no norm at all. */
static struct tr_tensor *norm(const struct tr__decoder *d, struct tr_tensor *y)
{
    const struct tr_config *c = &d->m->config;
    struct tr_tensor *w = tr__tensor(d, TR_SSM_NORM);
    int64_t n = tr_tensor_rows(y), width = tr_tensor_cols(y), groups = c->ssm.group_count;
    if (!w)
        return y;
    if (groups == 1)
        return tr_rms_norm(d->tp, y, w, c->norm_eps);
    y = tr_rms_norm(d->tp, tr_reshape(d->tp, y, n * groups, width / groups), NULL,
                    c->norm_eps);
    return tr_mul(d->tp, tr_reshape(d->tp, y, n, width), w);
}

static struct tr_tensor *mamba2(struct tr__decoder *d, struct tr_tensor *x,
                                struct tr_tensor *add)
{
    struct tr_tensor *all = tr__project(d, x, TR_SSM_IN, TR_N_SLOT, NULL);
    struct tr_tensor *z = tr_columns(d->tp, all, 0, d->m->config.ssm.inner_size);
    struct tr_tensor *y = norm(d, tr_swiglu(d->tp, z, mix(d, all)));
    return tr__project(d, y, TR_SSM_OUT, TR_N_SLOT, add);
}

const struct tr_mixer tr__mixer_mamba2 = {
    .name = "Mamba-2",
    .part = TR_PART_MAMBA2,
    .run = mamba2,
    .state = state,
};
