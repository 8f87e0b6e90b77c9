/* SPDX-License-Identifier: MIT
 *
 * Options `-a FILE[:SCALE]`: adapters for the base that a command has opened.
 */
#ifndef CMDS_ADAPTERS_H
#define CMDS_ADAPTERS_H

#include "common.h"

#include <libtrain/lora.h>

struct cmd_adapters {
    size_t n;
    struct tr_lora **lora; // (n)
    float *scale;          // (n)
};

/* Open them all for this base.  An adapter that names another base as the one it was
 * trained on is refused, or with `force` warned about.  Release in either case. */
int cmd_adapters_open(struct cmd_adapters *a, const struct cmd_list *list,
                      const struct tr_model *base, int force,
                      struct tr_err *err) TR_MUST_CHECK;

/* Open them (another base is only warned about) and hang them on the model, which must be
 * closed before they are released. */
int cmd_adapters_attach(struct cmd_adapters *a, const struct cmd_list *list,
                        struct tr_model *m, struct tr_err *err) TR_MUST_CHECK;

void cmd_adapters_release(struct cmd_adapters *a);

#endif
