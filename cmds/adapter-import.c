/* SPDX-License-Identifier: MIT
 *
 * adapter-import - a LoRA adapter of PEFT or MLX as a GGUF.  See adapter-import.1
 *
 * The work is libtrain/peft.h's.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/history.h"
#include "shared/job.h"
#include "shared/types.h"

#include <libtrain/peft.h>

struct opts {
    const char *model, *output, *type, *name;
    int merge;
};

static int write_adapter(const struct tr_peft *p, const struct opts *o, const char *folder,
                         struct tr_err *err)
{
    const char *beyond = tr_peft_beyond(p);
    if (beyond)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' has %s, which an adapter in GGUF "
                          "cannot hold: --merge-into writes base and adapter together, as a model",
                          folder, beyond);
    int rc = tr_peft_write(p, o->output, err);
    if (!rc)
        cmd_say("an adapter of %zu matrices", tr_peft_n_pair(p));
    return rc;
}

static int write_model(const struct tr_peft *p, const struct opts *o,
                       struct tr_peft_merge_args *args, struct tr_err *err)
{
    args->name = o->name;
    args->progress = cmd_job("B");
    int rc = tr_peft_merge(p, args, o->output, err);
    cmd_job_end();
    if (!rc)
        cmd_say("a model with pairs in %zu matrices and %zu tensors from the folder",
                tr_peft_n_pair(p), tr_peft_n_whole(p));
    return rc;
}

static int import(const struct opts *o, const char *folder, struct tr_peft_merge_args *args,
                  struct tr_err *err)
{
    struct tr_model *base = cmd_open_model(o->model, err);
    struct tr_peft *p = base ? tr_peft_open(folder, base, err) : NULL;
    int rc = !p ? -1 : o->merge ? write_model(p, o, args, err)
                                : write_adapter(p, o, folder, err);
    tr_peft_close(p);
    tr_model_close(base);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    struct tr_peft_merge_args args = { 0 };
    int n, no_history = 0;
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "base GGUF"),
        CMD_OUT('o', "output", &o.output, "FILE", "adapter, or model, to write"),
        CMD_FLAG(0, "merge-into", &o.merge,
                 "write base and adapter together, as a model"),
        CMD_TEXT('t', "type", &o.type, "TYPE",
                 "type of all matrices of the model; without it each keeps its own"),
        CMD_TEXT(0, "name", &o.name, "TEXT",
                 "name of what was trained, behind that of the base"),
        CMD_NO_HISTORY(&no_history),
        CMD_END
    };
    const struct cmd cmd = { "adapter-import", "-m BASE.gguf -o ADAPTER.gguf FOLDER",
                             "a LoRA adapter of PEFT or MLX as a GGUF", table, 1, 1,
                             (const char *const[]){ "model", "output", NULL } };
    struct tr_err err = { 0 };
    char **folder = cmd_parse(&cmd, argc, argv, &n);
    if (!o.merge && (o.type || o.name))
        cmd_usage(&cmd, "'--%s' goes with '--merge-into'", o.type ? "type" : "name");
    args.history = cmd_history(&cmd, no_history);
    if (o.type)
        cmd_recipe_type(&cmd, o.type, 0, &args.recipe);
    int rc = import(&o, folder[0], &args, &err);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
