/* SPDX-License-Identifier: MIT
 *
 * gguf-export - checkpoint to adapter, or to a whole model.  See gguf-export.1
 *
 * The work is libtrain/export.h's.
 */
#include "shared/adapters.h"
#include "shared/chats.h"
#include "shared/common.h"
#include "shared/history.h"
#include "shared/job.h"

#include <libtrain/export.h>

#include <string.h>

/* A run with frequencies of its own: neither an adapter nor the base's metadata say so. */
static void tell_rope(const struct tr_gguf *checkpoint)
{
    struct tr_str s = { "", 0 };
    struct tr_err err = {0};
    if (tr_gguf_string(checkpoint, "checkpoint.arguments", &s, &err) <= 0)
        return;
    for (size_t i = 0, n; i < s.len; i += n + 1) {
        const char *line = s.ptr + i, *end = memchr(line, '\n', s.len - i);
        n = end ? (size_t)(end - line) : s.len - i;
        if (n > 10 && n < 60 && !memcmp(line, "rope_freq_", 10))
            cmd_warn("was trained with %.*s: what runs it must be told the same (options "
                     "'--rope-freq-base' and '--rope-freq-scale')", (int)n, line);
    }
}

struct opts {
    const char *model, *output, *template, *name;
    int no_history;
};

static int export(const struct opts *o, const char *path, struct tr_err *err)
{
    struct tr_model *base = NULL;
    struct cmd_template template = {0};
    struct tr_export_args args = { .name = o->name, .no_history = o->no_history,
                                   .progress = cmd_job("B") };
    struct tr_gguf *checkpoint = tr_gguf_open(path, err);
    int rc = CMD_FAIL;
    if (checkpoint && (base = cmd_open_model(o->model, err)) &&
        !cmd_chat_template_text(&template, base, o->template, &args.chat_template, err) &&
        !tr_export(checkpoint, base, &args, o->output, err)) {
        tell_rope(checkpoint);
        rc = CMD_OK;
    }
    cmd_template_release(&template);
    tr_model_close(base);
    tr_gguf_close(checkpoint);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = {0};
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF that the training started from"),
        CMD_OUT('o', "output", &o.output, "FILE",
                 "adapter, or the whole model if all weights were trained"),
        CMD_TEXT(0, "chat-template", &o.template, "NAME|FILE",
                 "chat template of the training, if not the model's own"),
        CMD_TEXT(0, "name", &o.name, "TEXT", "name of what was trained"),
        CMD_NO_HISTORY(&o.no_history),
        CMD_END
    };
    const struct cmd cmd = { "gguf-export", "-m BASE.gguf -o OUT.gguf RUN.ckpt",
                             "write what was trained as GGUF", table, 1, 1,
                             (const char *const[]){ "model", "output", NULL } };
    struct tr_err err = {0};
    int n_operand;
    char **file = cmd_parse(&cmd, argc, argv, &n_operand);
    return cmd_end(export(&o, *file, &err), &err);
}
