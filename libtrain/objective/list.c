/* SPDX-License-Identifier: MIT
 *
 * The losses by number and by name, from losses.def.  One is a file here and a line there.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>
#include <string.h>

static const struct tr_loss_kind *const kinds[] = {
#define TR_LOSS(NAME) &tr__loss_##NAME,
#include <libtrain/objective/losses.def>
#undef TR_LOSS
};

const struct tr_loss_kind *tr_loss_at(int i)
{
    return i >= 0 && (size_t)i < sizeof kinds / sizeof *kinds ? kinds[i] : NULL;
}

const struct tr_loss_kind *tr_loss_by_name(const char *name)
{
    for (int i = 0; tr_loss_at(i); i++)
        if (!strcmp(kinds[i]->name, name))
            return kinds[i];
    return NULL;
}

const char *tr_loss_name(const struct tr_loss_kind *kind)
{
    return kind->name;
}
