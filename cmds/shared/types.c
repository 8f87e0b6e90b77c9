/* SPDX-License-Identifier: MIT
 *
 * Types of tensors as merge and quantize take them and talk of them.
 */
#include "types.h"
#include "message.h"
#include "nearest.h"

#include <stdio.h>
#include <string.h>

const struct tr_dtype *cmd_type(const struct cmd *cmd, const char *name)
{
    enum { MAX_TYPE = 64 };
    char list[256] = "";
    const char *known[MAX_TYPE + 1] = { NULL };
    const struct tr_dtype *type = tr_dtype_by_name(name);
    if (type && type->from_f32)
        return type;
    for (int i = 0, n = 0; (type = tr_dtype_at(i)); i++)
        if (type->from_f32 && n < MAX_TYPE) {
            known[n++] = type->name;
            snprintf(list + strlen(list), sizeof list - strlen(list), " %s", type->name);
        }
    const char *near = cmd_nearest(name, known);
    if (near)
        cmd_usage(cmd, "cannot write type '%s'; did you mean '%s'? There are:%s", name,
                  near, list);
    cmd_usage(cmd, "cannot write type '%s'; those that can be written:%s", name, list);
}

void cmd_say_instead(const struct tr_recipe *r)
{
    const struct tr_dtype *type;
    for (int i = 0; (type = tr_dtype_at(i)); i++) {
        size_t n = tr_recipe_n_instead(r, type);
        if (n)
            cmd_say("%zu of %zu tensors in %s instead of %s: their rows do not divide into "
                    "blocks of %u", n, r->n, type->name, r->type->name, r->type->block);
    }
}
