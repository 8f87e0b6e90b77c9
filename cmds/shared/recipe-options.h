/* SPDX-License-Identifier: MIT
 *
 * Options of quantize that are lists of RE=TYPE and KEY=TYPE:VALUE.
 */
#ifndef CMDS_SHARED_RECIPE_OPTIONS_H
#define CMDS_SHARED_RECIPE_OPTIONS_H

#include "table.h"

#include <libtrain/quantize.h>

/* What is named RE=TYPE on the command line, and after that in the words of a file, which may
 * be NULL.  cmd_rules_free frees what it points at. */
struct cmd_rules {
    struct tr_recipe_rule *rule;
    size_t n;
    char *text; /* of the file */
};
/* TR_EIO if the file cannot be read; a usage error for what is no RE=TYPE. */
int cmd_rules_read(const struct cmd *cmd, const struct cmd_list *list, const char *file,
                   struct cmd_rules *to, struct tr_err *err) TR_MUST_CHECK;
void cmd_rules_free(struct cmd_rules *rules);

/* KEY=int:N, KEY=float:X, KEY=bool:true and KEY=str:TEXT to keys, which the caller frees; a
 * usage error for anything else.  NULL: out of memory. */
struct tr_quantize_key *cmd_keys(const struct cmd *cmd, const struct cmd_list *list);

#endif
