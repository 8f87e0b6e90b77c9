/* SPDX-License-Identifier: MIT
 *
 * `merge --adapters-only`: several adapters to one.
 */
#ifndef CMDS_SHARED_MERGE_ADAPTERS_H
#define CMDS_SHARED_MERGE_ADAPTERS_H

#include "table.h"

#include <libtrain/error.h>

struct cmd_join {
    struct cmd_list adapters; /* FILE[:SCALE] */
    int64_t rank;             /* at most; 0: any */
    int force;                /* of different bases too */
    const char *name, *history, *output;
};
int cmd_join_adapters(const struct cmd_join *o, struct tr_err *err) TR_MUST_CHECK;

#endif
