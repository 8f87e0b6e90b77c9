/* SPDX-License-Identifier: MIT
 *
 * A model with adapters that is asked about a pack: what logprobs and distill begin with.
 */
#ifndef CMDS_SHARED_ASKED_H
#define CMDS_SHARED_ASKED_H

#include "adapters.h"
#include "rope.h"

#include <libtrain/teacher.h>

struct cmd_asked {
    const char *model, *data, *output; /* options */
    struct cmd_list adapter;
    struct cmd_rope rope;
    int force, precision;
    struct tr_model *m;                /* what is open */
    struct cmd_adapters attached;
    struct tr_pack *pack;
    struct tr_eval *e;
};

/* Rows of the table of options; A is a struct cmd_asked. */
#define CMD_ASKED(A) \
    CMD_IN('m', "model", &(A).model, "FILE", "GGUF to ask"), \
    CMD_INS('a', "adapter", &(A).adapter, "FILE[:SCALE]", \
            "adapter on top of it, may be given again"), \
    CMD_FLAG(0, "force", &(A).force, "also an adapter that was trained on another base"), \
    CMD_IN('d', "data", &(A).data, "FILE", "packed data"), \
    CMD_CHOICE(0, "precision", &(A).precision, cmd_precision_name, "NAME", \
               "of the matrix products"), \
    CMD_ROPE_BASE(&(A).rope), CMD_ROPE_SCALE(&(A).rope), \
    CMD_OUT('o', "output", &(A).output, "FILE", "file to write")

/* Open all of it; progress is told in `unit`.  Close in either case. */
int cmd_asked_open(struct cmd_asked *a, const char *unit, struct tr_err *err) TR_MUST_CHECK;
void cmd_asked_close(struct cmd_asked *a);

#endif
