/* SPDX-License-Identifier: MIT
 *
 * Option `-m FILE`, a model, and options `-a FILE[:SCALE]`, adapters on top of it.
 */
#ifndef CMDS_SHARED_ADAPTERS_H
#define CMDS_SHARED_ADAPTERS_H

#include "common.h"

#include <libtrain/lora.h>

/* Open a model, with a warning for what is odd in the file, and for tensors and keys that the
 * decoder does not know and so leaves out. */
struct tr_model *cmd_open_model(const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Open the adapter for this base.  One that names another as the one it was trained on is refused,
 * or with `force` warned about. */
struct tr_lora *cmd_open_adapter(const char *path, const struct tr_model *base, int force,
                                 struct tr_err *err) TR_MUST_CHECK;
/* Is the base what the file at path, an adapter or a checkpoint, was trained on?  The same. */
int cmd_check_file(const char *path, const struct tr_gguf *base, int force,
                   struct tr_err *err) TR_MUST_CHECK;

/* The number behind the last colon of "FILE:NUMBER", which is cut off; NULL: there is none. */
const char *cmd_cut_number(char *text);

struct cmd_adapters {
    size_t n;
    struct tr_lora **lora; // (n)
    float *scale;          // (n)
};

/* Open them all for this base, as above.  Release in either case. */
int cmd_adapters_open(struct cmd_adapters *a, const struct cmd_list *list,
                      const struct tr_model *base, int force,
                      struct tr_err *err) TR_MUST_CHECK;

/* Open them and hang them on the model, which must be closed before they are released.  Another
 * base is as above, but one of which an old adapter knows only the file is warned about. */
int cmd_adapters_attach(struct cmd_adapters *a, const struct cmd_list *list,
                        struct tr_model *m, int force, struct tr_err *err) TR_MUST_CHECK;

void cmd_adapters_release(struct cmd_adapters *a);

#endif
