/* SPDX-License-Identifier: MIT: the list of losses, for the files that define them */
#ifndef LIBTRAIN_OBJECTIVE_OBJECTIVE_H
#define LIBTRAIN_OBJECTIVE_OBJECTIVE_H

#include <libtrain/loss.h>

#define TR_LOSS(NAME) extern const struct tr_loss_kind tr__loss_##NAME;
#include <libtrain/objective/objectives.def>
#undef TR_LOSS

#endif
