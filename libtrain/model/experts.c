/* SPDX-License-Identifier: MIT
 *
 * An MLP that is many, of which each position sees the few that a router chooses for it,
 * and maybe one more that all see, or a plain MLP beside them.  The matrices of the experts
 * of a block are one tensor of three dimensions.  Operations: ops/route.c, ops/experts.c.
 */
#include <libtrain/model/decoder.h>

#include <math.h>

/* A router may have a norm of its own, whose rows count by the width of the model. */
static struct tr_tensor *logits_of(const struct tr__decoder *d, struct tr_tensor *x)
{
    x = tr__norm(d, x, TR_ROUTER_NORM, TR_N_SLOT);
    struct tr_tensor *z = tr__project(d, x, TR_ROUTER, TR_ROUTER_BIAS, NULL);
    return tr__tensor(d, TR_ROUTER_NORM)
               ? tr_scale(d->tp, z, 1 / sqrtf((float)d->m->config.n_embd)) : z;
}

static struct tr_routing route(const struct tr__decoder *d, struct tr_tensor *x)
{
    const struct tr_experts *e = &d->m->config.experts;
    struct tr_tensor *logits = logits_of(d, x);
    return tr_route(d->tp, logits,
                    &(struct tr_route){ .gating = e->gating,
                                        .n_used = (int)e->n_used,
                                        .bias = tr__tensor(d, TR_CHOICE_BIAS),
                                        .normalise = e->normalise,
                                        .eps = e->eps,
                                        .scale = e->scale,
                                        .balance = d->balance,
                                        .balance_loss =
                                            d->balance != 0
                                                ? &d->m->balance_loss[d->layer] : NULL });
}

/* What the last matrices of the experts take. */
static struct tr_tensor *inside(const struct tr__decoder *d, struct tr_tensor *x,
                                const struct tr_routing *r)
{
    if (tr__tensor(d, TR_GATE_UP_EXPERTS))
        return tr__activate_halves(d, tr__project_in(d, x, r, TR_GATE_UP_EXPERTS,
                                                     TR_N_SLOT));
    struct tr_tensor *gate = NULL;
    if (tr__tensor(d, TR_GATE_EXPERTS))
        gate = tr__project_in(d, x, r, TR_GATE_EXPERTS, TR_GATE_EXPERTS_BIAS);
    struct tr_tensor *up = tr__project_in(d, x, r, TR_UP_EXPERTS, TR_UP_EXPERTS_BIAS);
    return d->m->arch->activation(d->tp, gate, up);
}

/* The expert that all see.  Its gate is one number a position, by which what its last matrix
 * takes is multiplied rather than what that gives, which is wider.  Whoever watches inputs
 * sees them without the factor: with it the rows would not count alike. */
static struct tr_tensor *shared(const struct tr__decoder *d, struct tr_tensor *x,
                                struct tr_tensor *add)
{
    struct tr_tensor *gate = NULL;
    if (tr__tensor(d, TR_GATE_SHARED))
        gate = tr__project(d, x, TR_GATE_SHARED, TR_N_SLOT, NULL);
    struct tr_tensor *up = tr__project(d, x, TR_UP_SHARED, TR_N_SLOT, NULL);
    struct tr_tensor *h = d->m->arch->activation(d->tp, gate, up);
    if (!tr__tensor(d, TR_SHARED_GATE))
        return tr__project(d, h, TR_DOWN_SHARED, TR_N_SLOT, add);
    struct tr_tensor *z = tr__project(d, x, TR_SHARED_GATE, TR_N_SLOT, NULL);
    tr__see(d, h, TR_DOWN_SHARED, NULL, TR__ALL_ROWS);
    struct tr__decoder gated = *d;
    gated.unseen = 1;
    h = tr_mul(d->tp, h, tr_sigmoid(d->tp, z));
    return tr__project(&gated, h, TR_DOWN_SHARED, TR_N_SLOT, add);
}

/* An MLP on x, experts and their router on what the norm before it took. */
static struct tr_tensor *beside(struct tr__decoder *d, struct tr_tensor *x,
                                struct tr_tensor *add)
{
    struct tr_routing r = route(d, d->stream);
    struct tr_tensor *h = tr__norm(d, d->stream, TR_EXPERTS_NORM, TR_N_SLOT);
    struct tr_tensor *y = tr__project_out(d, inside(d, h, &r), &r, TR_DOWN_EXPERTS,
                                          TR_DOWN_EXPERTS_BIAS, NULL);
    y = tr_add(d->tp, tr__norm(d, tr__mlp(d, x, NULL), TR_BESIDE_POST_NORM, TR_N_SLOT),
               tr__norm(d, y, TR_EXPERTS_POST_NORM, TR_N_SLOT));
    return add ? tr_add(d->tp, add, y) : y;
}

struct tr_tensor *tr__experts(struct tr__decoder *d, struct tr_tensor *x,
                              struct tr_tensor *add)
{
    if (d->m->arch->experts_beside)
        return beside(d, x, add);
    struct tr_routing r = route(d, x);
    struct tr_tensor *y = tr__project_out(d, inside(d, x, &r), &r, TR_DOWN_EXPERTS,
                                          TR_DOWN_EXPERTS_BIAS, add);
    if (!tr__layer(d)->n_ff_shared)
        return y;
    return add ? shared(d, x, y) : tr_add(d->tp, y, shared(d, x, NULL));
}
