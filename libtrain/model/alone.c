/* SPDX-License-Identifier: MIT
 *
 * An MLP, or experts, as a mixer: for blocks that have one part each.
 */
#include <libtrain/model/decoder.h>

static struct tr_tensor *mlp(struct tr__decoder *d, struct tr_tensor *x,
                             struct tr_tensor *add)
{
    return tr__layer(d)->n_expert ? tr__experts(d, x, add) : tr__mlp(d, x, add);
}

const struct tr_mixer tr__mixer_mlp = {
    .name = "an MLP alone",
    .part = TR_PART_MLP,
    .run = mlp,
};
