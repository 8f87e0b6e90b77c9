/* SPDX-License-Identifier: MIT
 *
 * What a loss is made of.  Not for commands.
 */
#ifndef LIBTRAIN_INTERNAL_LOSS_H
#define LIBTRAIN_INTERNAL_LOSS_H

#include <libtrain/loss.h>

#include <stdint.h>

struct tr_loss_kind {
    const char *name;

    /* The loss of one row of n logits.  z is overwritten: with scale * d(loss)/dz, or with
     * anything if scale is 0. */
    double (*row)(float *z, int64_t n, int32_t target, float scale);
};

#define TR_LOSS(NAME) extern const struct tr_loss_kind tr__loss_##NAME;
#include <libtrain/losses.def>
#undef TR_LOSS

#endif
