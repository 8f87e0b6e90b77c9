/* SPDX-License-Identifier: MIT
 *
 * Option `-t TYPE`, and what became of the tensors that it asked for.
 */
#ifndef CMDS_SHARED_TYPES_H
#define CMDS_SHARED_TYPES_H

#include "table.h"

#include <libtrain/recipe.h>

/* The type of this name that can be written; a usage error, with all there are, if there is
 * none. */
const struct tr_dtype *cmd_type(const struct cmd *cmd, const char *name);

/* Say how many tensors got another type than the recipe asked for, and which. */
void cmd_say_instead(const struct tr_recipe *r);

#endif
