/* SPDX-License-Identifier: MIT
 *
 * gguf-export - checkpoint to adapter, or to a whole model.  See gguf-export.1
 *
 * The work is libtrain/export.h's.
 */
#include "shared/adapters.h"
#include "shared/common.h"

#include <libtrain/export.h>

static int export(const char *model, const char *path, const char *output,
                  struct tr_err *err)
{
    struct tr_model *base = NULL;
    struct tr_gguf *checkpoint = tr_gguf_open(path, err);
    int rc = CMD_FAIL;
    if (checkpoint && (base = cmd_open_model(model, err)) &&
        !tr_export(checkpoint, base, output, err))
        rc = CMD_OK;
    tr_model_close(base);
    tr_gguf_close(checkpoint);
    return rc;
}

int main(int argc, char **argv)
{
    const char *model = NULL, *output = NULL;
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &model, "FILE", "GGUF that the training started from"),
        CMD_OUT('o', "output", &output, "FILE",
                 "adapter, or the whole model if all weights were trained"),
        CMD_END
    };
    const struct cmd cmd = { "gguf-export", "-m BASE.gguf -o OUT.gguf RUN.ckpt",
                             "write what was trained as GGUF", table, 1, 1 };
    struct tr_err err = {0};
    int n_operand, i = cmd_parse(&cmd, argc, argv, &n_operand);
    if (!model || !output)
        cmd_usage(&cmd, "options --model and --output are required");
    return cmd_end(export(model, argv[i], output, &err), &err);
}
