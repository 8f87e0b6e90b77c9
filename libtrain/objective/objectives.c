/* SPDX-License-Identifier: MIT
 *
 * The objectives by number and by name, from objectives.def.  One is a file here and a line
 * there.
 */
#include <libtrain/objective/objective.h>

#include <stddef.h>
#include <string.h>

static const struct tr_objective *const objectives[] = {
#define TR_OBJECTIVE(NAME) &tr__objective_##NAME,
#include <libtrain/objective/objectives.def>
#undef TR_OBJECTIVE
};

const struct tr_objective *tr_objective_at(int i)
{
    return i >= 0 && (size_t)i < sizeof objectives / sizeof *objectives ? objectives[i] : NULL;
}

const struct tr_objective *tr_objective_by_name(const char *name)
{
    for (int i = 0; tr_objective_at(i); i++)
        if (!strcmp(objectives[i]->name, name))
            return objectives[i];
    return NULL;
}
