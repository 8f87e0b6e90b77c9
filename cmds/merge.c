/* SPDX-License-Identifier: MIT
 *
 * merge - base and adapters to one model.  See merge.1
 *
 * The work is libtrain/merge.h's; here are the options and what is said about it.
 */
#include "shared/adapters.h"
#include "shared/change-table.h"
#include "shared/chats.h"
#include "shared/common.h"
#include "shared/divergence.h"
#include "shared/job.h"
#include "shared/types.h"

#include <libtrain/merge.h>

#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *output, *type, *template, *kl;
    struct cmd_list adapters;
    int force;
};

/* Base and adapters beside what was made of them. */
struct comparison {
    struct cmd_kl kl;
    struct cmd_adapters adapters;
};

static int comparison_begin(struct comparison *c, const struct opts *o, struct tr_err *err)
{
    int rc = cmd_kl_begin(&c->kl, o->kl, o->model, err);
    return rc ? rc : cmd_adapters_attach(&c->adapters, &o->adapters, c->kl.base, err);
}

static void comparison_end(struct comparison *c)
{
    cmd_kl_end(&c->kl);
    cmd_adapters_release(&c->adapters);
}

static int write_merged(const struct opts *o, const struct tr_model *base,
                        const struct tr_recipe *recipe, struct tr_merge_args *args,
                        struct tr_err *err)
{
    struct tr_merge_stats stats;
    args->change = calloc(recipe->n + 1, sizeof *args->change);
    int rc = args->change ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for %zu tensors",
                                           recipe->n);
    args->progress = cmd_job("B");
    if (!rc)
        rc = tr_merge(base, recipe, args, o->output, &stats, err);
    cmd_job_end();
    if (!rc) {
        cmd_say("merged %zu adapter%s into %zu tensors", args->n, args->n == 1 ? "" : "s",
                stats.n_touched);
        cmd_say_changes(recipe, args->change);
    }
    free(args->change);
    return rc;
}

static int merge(const struct opts *o, struct tr_merge_args *args, struct tr_err *err)
{
    struct cmd_adapters adapters = {0};
    struct cmd_template template = {0};
    struct comparison comparison = {0};
    struct tr_recipe *recipe = NULL;
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
    if (o->kl && comparison_begin(&comparison, o, err))
        goto out;
    if (!write_merged(o, base, recipe, args, err) && o->kl)
        (void)!cmd_kl_say(&comparison.kl, o->output, err);
out:
    comparison_end(&comparison);
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
        CMD_IN(0, "kl", &o.kl, "TEXT",
               "say how far from base and adapters what OUT predicts of this text is"),
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
    if (o.kl && !strcmp(o.output, "-"))
        cmd_usage(&cmd, "'--kl' needs a file that is written");
    if (o.type)
        cmd_recipe_type(&cmd, o.type, 0, &args.recipe);
    int rc = merge(&o, &args, &err);
    free(o.adapters.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
