/* SPDX-License-Identifier: MIT
 *
 * Option `-t TYPE`, and what became of the tensors that it asked for.
 */
#ifndef CMDS_SHARED_TYPES_H
#define CMDS_SHARED_TYPES_H

#include "table.h"

#include <libtrain/recipe.h>

/* A type that can be written, by its name; a usage error, with all there are, if there is
 * none. */
const struct tr_dtype *cmd_type(const struct cmd *cmd, const char *name);

/* Set the type, or the mixture, of this name: a type that can be written, else a mixture;
 * with `mixed` a mixture first.  A usage error, with all there are, if there is none. */
void cmd_recipe_type(const struct cmd *cmd, const char *name, int mixed,
                     struct tr_recipe_args *args);

/* Say how many tensors got another type than the recipe asked for, and which. */
void cmd_say_instead(const struct tr_recipe *r);

#endif
