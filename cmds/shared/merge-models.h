/* SPDX-License-Identifier: MIT
 *
 * `merge --method`: several models to one.
 */
#ifndef CMDS_SHARED_MERGE_MODELS_H
#define CMDS_SHARED_MERGE_MODELS_H

#include "table.h"

#include <libtrain/merge.h>

struct cmd_merge_models {
    int method;             /* of those that cmd_merge_method lists; -1: none */
    struct cmd_list models; /* FILE[:WEIGHT] */
    struct cmd_list rules;  /* RE=WEIGHT[,WEIGHT…] */
    const char *layers;     /* file; NULL: none */
    double density, lambda; /* not given: out of their range, as is a seed below 0 */
    int64_t seed;
    int normalize;
};

/* The names of methods. */
const char *cmd_merge_method(int i);

/* Merge with the base at `path`; the types, the name and what else `args` says stay.  A
 * usage error for what is no rule. */
int cmd_merge_models(const struct cmd *cmd, const struct cmd_merge_models *o,
                     const char *path, const char *output,
                     struct tr_merge_models_args *args, struct tr_err *err) TR_MUST_CHECK;

#endif
