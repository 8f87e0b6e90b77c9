/* SPDX-License-Identifier: MIT
 *
 * Every window is a sequence of its own, so that a batch of N sequences is one of N samples.
 */
#include <libtrain/data/packer.h>

static int take(struct tr_packer *p, const struct tr__window *w, struct tr_err *err)
{
    tr__packer_put(p, w);
    return tr__packer_flush(p, err);
}

const struct tr_pack_fit tr__pack_fit_alone = { .name = "alone", .take = take };
