/* SPDX-License-Identifier: MIT
 *
 * What the shape of a new model and its making share.
 */
#ifndef LIBTRAIN_EDIT_INIT_H
#define LIBTRAIN_EDIT_INIT_H

#include <libtrain/init.h>
#include <libtrain/model/model.h>

/* The architecture that is asked for; NULL: it is not known. */
const struct tr_arch *tr__init_arch(const struct tr_init_args *a);

#endif
