/* SPDX-License-Identifier: MIT
 *
 * Tables of options, and the values that a user's settings give them.  Kinds may have
 * options of one name, so what is set goes by names and whoever asks brings the table:
 * changing the optimizer of a run does not change what was said of its numbers.
 */
#include <libtrain/error.h>
#include <libtrain/option.h>

#include <stddef.h>
#include <string.h>

const struct tr_option *tr_option_find(const struct tr_option *table, const char *name)
{
    for (; table && table->name; table++)
        if (!strcmp(table->name, name))
            return table;
    return NULL;
}

double tr_option_value(const struct tr_option *option, const struct tr_setting *set)
{
    double value = option->standard;
    for (; set && set->name; set++)
        if (!strcmp(set->name, option->name))
            value = set->value;
    return value;
}

void tr_option_values(const struct tr_option *table, const struct tr_setting *set,
                      double value[TR_MAX_OPTION])
{
    for (int i = 0; table && table[i].name; i++) {
        if (i == TR_MAX_OPTION)
            tr_fatal("options: the table of '%s' has more than %d", table->name,
                     TR_MAX_OPTION);
        value[i] = tr_option_value(&table[i], set);
    }
}
