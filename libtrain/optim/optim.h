/* SPDX-License-Identifier: MIT: the list of optimizers, for the files that define them */
#ifndef LIBTRAIN_OPTIM_OPTIM_H
#define LIBTRAIN_OPTIM_OPTIM_H

#include <libtrain/optim.h>

#define TR_OPTIM(name) extern const struct tr_optim tr__optim_##name;
#include <libtrain/optim/optims.def>
#undef TR_OPTIM

#endif
