/* SPDX-License-Identifier: MIT
 *
 * Options for frequencies of rope that are not the model's own.  What they hold goes to
 * tr_model_set_rope (libtrain/model.h).
 */
#ifndef CMDS_SHARED_ROPE_H
#define CMDS_SHARED_ROPE_H

#include "table.h"

struct cmd_rope {
    double base, scale; /* 0: as the model says */
};

/* Two entries of a table; --help shows no default: it is the model's. */
#define CMD_ROPE_BASE(rope)                                                              \
    CMD_FLOAT(0, "rope-freq-base", &(rope)->base, 1, 1e12, "X",                          \
              "base of rope, instead of the model's")
#define CMD_ROPE_SCALE(rope)                                                             \
    CMD_FLOAT(0, "rope-freq-scale", &(rope)->scale, 1e-6, 1e3, "X",                      \
              "what its frequencies are multiplied by, instead of the model's")

#endif
