/* SPDX-License-Identifier: MIT
 *
 * What became of the tensors of a model, by kind.
 */
#ifndef CMDS_SHARED_LOSS_TABLE_H
#define CMDS_SHARED_LOSS_TABLE_H

#include <libtrain/quantize.h>

/* Say for each kind of tensor (attn_q, ffn_down, …; the others together) types, bytes, bits
 * per weight and error; `error` (r->n) may be NULL.  Nothing where there is one kind only. */
void cmd_say_losses(const struct tr_recipe *r, const struct tr_quantize_error *error);

#endif
