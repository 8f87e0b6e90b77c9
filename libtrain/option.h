/* SPDX-License-Identifier: MIT
 *
 * Numbers that a kind of thing brings with it: an optimizer, a schedule, a loss says in a
 * table what can be chosen about it, within which limits and with which default.  A user
 * gives those that are to be otherwise, by name; whoever runs the thing hands it the
 * values in the order of its table.
 */
#ifndef LIBTRAIN_OPTION_H
#define LIBTRAIN_OPTION_H

#ifdef __cplusplus
extern "C" {
#endif

enum { TR_MAX_OPTION = 8 }; /* in one table */

/* A table of these is const and ends with a NULL name; NULL is an empty one. */
struct tr_option {
    const char *name; /* "min_lr_ratio": a word of letters, digits and '_' */
    double least, most, standard; /* within [least, most] */
    const char *help;             /* a few words: what it is */
    int in_every_run; /* its line is in every checkpoint, whatever its value and the kind
                         are, as in the files that were written before other options came;
                         the line of any other is there where it is not the default */
};

/* What a user chose; an array ends with a NULL name, NULL is an empty one. */
struct tr_setting {
    const char *name;
    double value;
};

/* The option of this name in a table, or NULL. */
const struct tr_option *tr_option_find(const struct tr_option *table, const char *name);

/* What was set under this name (the last one counts), or else the default. */
double tr_option_value(const struct tr_option *option, const struct tr_setting *set);

/* The values of a whole table, in its order. */
void tr_option_values(const struct tr_option *table, const struct tr_setting *set,
                      double value[TR_MAX_OPTION]);

#ifdef __cplusplus
}
#endif
#endif
