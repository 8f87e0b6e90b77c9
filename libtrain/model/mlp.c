/* SPDX-License-Identifier: MIT
 *
 * The MLP of a block: gated or not, with a matrix for the gate of its own or in one with
 * the other.
 */
#include <libtrain/model/decoder.h>

struct tr_tensor *tr__activate_halves(const struct tr__decoder *d, struct tr_tensor *all)
{
    int64_t width = tr_tensor_cols(all) / 2;
    return d->m->arch->activation(d->tp, tr_columns(d->tp, all, 0, width),
                                  tr_columns(d->tp, all, width, width));
}

/* The rows of `gate` lie above those of `up` in one matrix. */
static struct tr_tensor *fused(const struct tr__decoder *d, struct tr_tensor *x)
{
    return tr__activate_halves(d, tr__project(d, x, TR_FFN_UP, TR_FFN_UP_BIAS, NULL));
}

static struct tr_tensor *apart(const struct tr__decoder *d, struct tr_tensor *x)
{
    struct tr_tensor *gate = NULL;
    if (tr__tensor(d, TR_FFN_GATE))
        gate = tr__project(d, x, TR_FFN_GATE, TR_FFN_GATE_BIAS, NULL);
    struct tr_tensor *up = tr__project(d, x, TR_FFN_UP, TR_FFN_UP_BIAS, NULL);
    return d->m->arch->activation(d->tp, gate, up);
}

struct tr_tensor *tr__mlp(struct tr__decoder *d, struct tr_tensor *x, struct tr_tensor *add)
{
    struct tr_tensor *h = d->m->arch->fused_gate_up ? fused(d, x) : apart(d, x);
    return tr__project(d, h, TR_FFN_DOWN, TR_FFN_DOWN_BIAS, add);
}
