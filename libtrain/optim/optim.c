/* SPDX-License-Identifier: MIT
 *
 * The optimizers by number and by name, from optims.def.  One is a file here and a line
 * there.
 */
#include <libtrain/optim/optim.h>

#include <string.h>

static const struct tr_optim *const optims[] = {
#define TR_OPTIM(name) &tr__optim_##name,
#include <libtrain/optim/optims.def>
#undef TR_OPTIM
};

const struct tr_optim *tr_optim_at(int i)
{
    return i >= 0 && (size_t)i < sizeof optims / sizeof *optims ? optims[i] : NULL;
}

const struct tr_optim *tr_optim_by_name(const char *name)
{
    const struct tr_optim *o;
    for (int i = 0; (o = tr_optim_at(i)); i++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}
