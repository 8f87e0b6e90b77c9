/* SPDX-License-Identifier: MIT
 *
 * Types of tensors as merge and quantize take them and talk of them.
 */
#include "types.h"
#include "message.h"
#include "nearest.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 128 };

static int can_write(const struct tr_dtype *type)
{
    return type && (type->from_f32 || type->from_f32_by);
}

/* All that can be written, `known` ending with a NULL. */
static void list_names(const char *known[MAX_NAME + 1])
{
    const struct tr_dtype *type;
    const struct tr_mix *mix;
    int n = 0;
    for (int i = 0; (type = tr_dtype_at(i)) && n < MAX_NAME; i++)
        if (can_write(type))
            known[n++] = type->name;
    for (int i = 0; (mix = tr_mix_at(i)) && n < MAX_NAME; i++)
        if (!tr_dtype_by_name(mix->name) && can_write(tr_dtype_by_name(mix->type)))
            known[n++] = mix->name;
    known[n] = NULL;
}

static void refuse(const struct cmd *cmd, const char *name) TR_NORETURN;

static void refuse(const struct cmd *cmd, const char *name)
{
    char list[1024] = "";
    const char *known[MAX_NAME + 1];
    list_names(known);
    for (int i = 0; known[i]; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), " %s", known[i]);
    const char *near = cmd_nearest(name, known);
    if (near)
        cmd_usage(cmd, "cannot write type '%s'; did you mean '%s'? There are:%s", name,
                  near, list);
    cmd_usage(cmd, "cannot write type '%s'; those that can be written:%s", name, list);
}

const struct tr_dtype *cmd_type(const struct cmd *cmd, const char *name)
{
    const struct tr_dtype *type = tr_dtype_by_name(name);
    if (!can_write(type))
        refuse(cmd, name);
    return type;
}

void cmd_recipe_type(const struct cmd *cmd, const char *name, int mixed,
                     struct tr_recipe_args *args)
{
    const struct tr_dtype *type = tr_dtype_by_name(name);
    const struct tr_mix *mix = tr_mix_by_name(name);
    int is_mix = mix && can_write(tr_dtype_by_name(mix->type));
    if (can_write(type) && !(mixed && is_mix))
        args->type = type;
    else if (is_mix)
        args->mix = mix;
    else
        refuse(cmd, name);
}

/* Those that wanted a type and got another. */
static void say_instead(const struct tr_recipe *r, const struct tr_dtype *wanted)
{
    const struct tr_dtype *type;
    for (int i = 0; (type = tr_dtype_at(i)); i++) {
        size_t n = tr_recipe_n_instead(r, wanted, type);
        if (n)
            cmd_say("%zu of %zu tensors in %s instead of %s: their rows do not divide into "
                    "blocks of %u", n, r->n, type->name, wanted->name, wanted->block);
    }
}

void cmd_say_instead(const struct tr_recipe *r)
{
    const struct tr_dtype *wanted;
    for (int i = 0; (wanted = tr_dtype_at(i)); i++)
        say_instead(r, wanted);
}
