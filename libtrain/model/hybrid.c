/* SPDX-License-Identifier: MIT
 *
 * Attention and Mamba-2 side by side as one mixer: both read the same rows, and what they
 * give is added.
 */
#include <libtrain/model/decoder.h>

static struct tr_tensor *hybrid(struct tr__decoder *d, struct tr_tensor *x,
                                struct tr_tensor *add)
{
    return tr__mixer_mamba2.run(d, x, tr__mixer_attention.run(d, x, add));
}

static int64_t state(const struct tr_config *c, const struct tr_layer *l)
{
    return tr__mixer_mamba2.state(c, l);
}

const struct tr_mixer tr__mixer_hybrid = {
    .name = "attention beside Mamba-2",
    .part = TR_PART_ATTENTION | TR_PART_KV | TR_PART_MAMBA2,
    .run = hybrid,
    .state = state,
};
