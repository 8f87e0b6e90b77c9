/* SPDX-License-Identifier: MIT
 *
 * merge - base and adapters to one model.  See merge.1
 *
 * The work is libtrain/merge.h's; here are the options and what is said about it.
 */
#include "shared/adapters.h"
#include "shared/chats.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/types.h"

#include <libtrain/merge.h>

#include <stdlib.h>

struct opts {
    const char *model, *output, *type, *template;
    struct cmd_list adapters;
    int force;
};

static void say_result(const struct tr_merge_stats *s, size_t n)
{
    cmd_say("merged %zu adapter%s into %zu tensors", n, n == 1 ? "" : "s", s->n_touched);
    if (s->n_drowned)
        cmd_warn("in %zu of %zu tensors rounding to the type of the file is larger than "
                 "the change: -t f16 or -t q8_0 keeps more of it", s->n_drowned,
                 s->n_touched);
}

static int merge(const struct opts *o, struct tr_merge_args *args, struct tr_err *err)
{
    struct cmd_adapters adapters = {0};
    struct cmd_template template = {0};
    struct tr_recipe *recipe = NULL;
    struct tr_merge_stats stats;
    struct tr_model *base = cmd_open_model(o->model, err);
    if (!base || cmd_adapters_open(&adapters, &o->adapters, base, o->force, err))
        goto out;
    if (cmd_chat_template_text(&template, base, o->template, &args->chat_template, err))
        goto out;
    args->n = adapters.n;
    args->lora = adapters.lora;
    args->scale = adapters.scale;
    if (!(recipe = tr_merge_recipe(base, args, err)))
        goto out;
    cmd_say_instead(recipe);
    args->progress = cmd_job("B");
    if (!tr_merge(base, recipe, args, o->output, &stats, err))
        say_result(&stats, adapters.n);
out:
    tr_recipe_free(recipe);
    tr_model_close(base);
    cmd_adapters_release(&adapters);
    cmd_template_release(&template);
    return err->code;
}

int main(int argc, char **argv)
{
    struct opts o = {0};
    struct tr_merge_args args = {0};
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "base GGUF"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter to add, may be given again"),
        CMD_OUT('o', "output", &o.output, "FILE", "model to write"),
        CMD_TEXT('t', "type", &o.type, "TYPE",
                 "type of all matrices: f32, f16, q8_0, q4_k_m, …; without it each keeps its own"),
        CMD_TEXT(0, "chat-template", &o.template, "NAME|FILE",
                 "chat template that the model was trained with, if not its own"),
        CMD_TEXT(0, "name", &args.name, "TEXT",
                 "name of what was trained, behind that of the base"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_FLAG(0, "allow-nonfinite", &args.allow_nonfinite,
                 "let NaN and infinities pass"),
        CMD_END
    };
    const struct cmd cmd = { "merge", "-m BASE.gguf -a ADAPTER.gguf[:SCALE] -o OUT.gguf",
                             "add LoRA adapters to the weights of their base", table, 0,
                             0, (const char *const[]){ "model", "adapter", "output", NULL } };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (o.type)
        cmd_recipe_type(&cmd, o.type, 0, &args.recipe);
    int rc = merge(&o, &args, &err);
    free(o.adapters.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
