/* SPDX-License-Identifier: MIT
 *
 * The options of the finetune of llama.cpp of 2023, and the command lines that come of them.
 */
#ifndef CMDS_SHARED_OLD_OPTIONS_H
#define CMDS_SHARED_OLD_OPTIONS_H

#include "table.h"

/* What an option becomes: one of another command, always or only where it means something. */
enum old_of {
    OLD_SELF,
    OLD_PACK,
    OLD_TRAIN,
    OLD_ABOVE_0, /* of train, if above 0 */
    OLD_LEARN,   /* of train, without L-BFGS */
    OLD_LBFGS,   /* of train, with it */
    OLD_RANK,
    OLD_NORM
};

struct old_option {
    char letter;
    const char *name;
    enum cmd_kind kind;
    enum old_of of;
    const char *as;   /* the name there; of a RANK, of its tensors */
    const char *held; /* FLAG: the option that holds its value */
    int set;
    const char *text, *arg, *help;
    double standard, least, most;
};

/* i = 0, 1, … until NULL; by name, or NULL. */
const struct old_option *old_option_at(int i);
const struct old_option *old_option_find(const char *name, size_t length);

/* The options as a table of a command, with their defaults. */
const struct cmd_opt *old_options_table(void);

/* Values that are there after that and after reading a command line; the name must be there. */
int old_flag(const char *name);
long long old_int(const char *name);
double old_float(const char *name);
const char *old_text(const char *name);

/* A command line that grows.  All that it is given is copied. */
struct old_words {
    char *word[128]; /* (n), NULL behind them */
    size_t n;
};
void old_add(struct old_words *w, const char *word);
void old_add_text(struct old_words *w, const char *option, const char *value);
void old_add_int(struct old_words *w, const char *option, long long value);
void old_add_float(struct old_words *w, const char *option, double value);
/* All options that become one of these, with their values. */
void old_add_all(struct old_words *w, enum old_of of);
void old_words_release(struct old_words *w);

#endif
