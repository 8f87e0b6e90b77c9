/* SPDX-License-Identifier: MIT
 *
 * Losses on the logits: const structs, found by name.
 */
#ifndef LIBTRAIN_LOSS_H
#define LIBTRAIN_LOSS_H
struct tr_loss_kind;
const struct tr_loss_kind *tr_loss_by_name(const char *name);
const struct tr_loss_kind *tr_loss_at(int i);
const char *tr_loss_name(const struct tr_loss_kind *kind);
#endif
