/* SPDX-License-Identifier: MIT
 *
 * The gated short convolution of LFM2 (Liquid AI 2025) as a mixer: one matrix makes three
 * rows b, c and v of each, a causal convolution over a few positions goes over b v, and c
 * lets through what the output matrix takes.  Its state is the last rows of b v.
 */
#include <libtrain/model/decoder.h>

static struct tr_tensor *shortconv(struct tr__decoder *d, struct tr_tensor *x,
                                   struct tr_tensor *add)
{
    int64_t width = d->m->config.n_embd;
    struct tr_tensor *all = tr__project(d, x, TR_SHORTCONV_IN, TR_N_SLOT, NULL);
    struct tr_tensor *b = tr_columns(d->tp, all, 0, width);
    struct tr_tensor *c = tr_columns(d->tp, all, width, width);
    struct tr_tensor *v = tr_columns(d->tp, all, 2 * width, width);
    struct tr_tensor *y =
        tr_causal_conv(d->tp, tr_mul(d->tp, b, v), tr__tensor(d, TR_SHORTCONV_CONV), NULL,
                       d->batch->pos, tr__state(d));
    return tr__project(d, tr_mul(d->tp, c, y), TR_SHORTCONV_OUT, TR_N_SLOT, add);
}

static int64_t state(const struct tr_config *c, const struct tr_layer *l)
{
    (void)l;
    return (c->conv_taps - 1) * c->n_embd;
}

const struct tr_mixer tr__mixer_shortconv = {
    .name = "gated short convolution",
    .part = TR_PART_SHORTCONV,
    .run = shortconv,
    .state = state,
};
