/* SPDX-License-Identifier: MIT
 *
 * What became of the changes that a merge made, by kind of tensor.
 */
#ifndef CMDS_SHARED_CHANGE_TABLE_H
#define CMDS_SHARED_CHANGE_TABLE_H

#include <libtrain/merge.h>

/* Say for each kind of tensor that was changed how much of the change is in the file, how
 * large it is beside what rounding does, and types; and warn, with types that would keep
 * it, where rounding is larger.  change (r->n) */
void cmd_say_changes(const struct tr_recipe *r, const struct tr_merge_change *change);

#endif
