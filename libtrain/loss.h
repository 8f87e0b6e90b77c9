/* SPDX-License-Identifier: MIT
 *
 * The losses that tr_output_loss knows.  All are static; nobody owns them.
 *
 *   cross_entropy   -log softmax(logits)[target]; options label_smoothing, z_loss
 *   mse             mean over the vocabulary of (logit - onehot(target))^2
 */
#ifndef LIBTRAIN_LOSS_H
#define LIBTRAIN_LOSS_H

#include <libtrain/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Walk all losses: i = 0, 1, … until NULL; 0 is the default. */
const struct tr_loss_kind *tr_loss_at(int i);

/* The loss with this name, or NULL. */
const struct tr_loss_kind *tr_loss_by_name(const char *name);

const char *tr_loss_name(const struct tr_loss_kind *kind);

#ifdef __cplusplus
}
#endif
#endif
