/* SPDX-License-Identifier: MIT
 *
 * merge - base and adapters, or several models, to one model.  See merge.1
 *
 * The work is libtrain/merge.h's; here are the options and what is said about it.
 */
#include "shared/adapters.h"
#include "shared/change-table.h"
#include "shared/chats.h"
#include "shared/common.h"
#include "shared/divergence.h"
#include "shared/history.h"
#include "shared/job.h"
#include "shared/merge-adapters.h"
#include "shared/merge-models.h"
#include "shared/types.h"

#include <libtrain/merge.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *output, *type, *template, *kl;
    struct cmd_list adapters;
    int force, adapters_only, no_history;
    int64_t rank;
};

/* Base and adapters beside what was made of them. */
struct comparison {
    struct cmd_kl kl;
    struct cmd_adapters adapters;
};

static int comparison_begin(struct comparison *c, const struct opts *o, struct tr_err *err)
{
    int rc = cmd_kl_begin(&c->kl, o->kl, o->model, err);
    return rc ? rc : cmd_adapters_attach(&c->adapters, &o->adapters, c->kl.base, 1, err);
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

/* With the options that both ways have. */
static int merge_models(const struct cmd *cmd, const struct opts *o,
                        const struct cmd_merge_models *models,
                        const struct tr_merge_args *args, struct tr_err *err)
{
    struct tr_merge_models_args a = { .recipe = args->recipe, .name = args->name,
                                      .history = args->history,
                                      .allow_nonfinite = args->allow_nonfinite };
    return cmd_merge_models(cmd, models, o->model, o->output, &a, err);
}

/* What belongs to the one way of merging is not taken for the other. */
static void check_ways(const struct cmd *cmd, const struct opts *o,
                       const struct cmd_merge_models *models)
{
    int is_models = models->method >= 0;
    if (o->adapters_only && (!o->adapters.n || o->model || is_models || o->type ||
                             o->template || o->kl))
        cmd_usage(cmd, "--adapters-only takes adapters, '--rank' and '--force', and no model");
    if (o->rank && !o->adapters_only)
        cmd_usage(cmd, "'--rank' is for --adapters-only");
    if (is_models && (o->adapters.n || o->kl || o->template || o->force))
        cmd_usage(cmd, "--method merges models: --adapter, --kl, --chat-template and --force "
                  "are of adapters");
    if (!is_models && (models->models.n || models->rules.n || models->layers ||
                       models->density > 0 || isfinite(models->lambda) || models->seed >= 0 ||
                       models->normalize >= 0))
        cmd_usage(cmd, "models want '--method NAME'");
    if (o->kl && !strcmp(o->output, "-"))
        cmd_usage(cmd, "'--kl' needs a file that is written");
}

int main(int argc, char **argv)
{
    struct opts o = {0};
    struct tr_merge_args args = {0};
    struct cmd_merge_models models = { .method = -1, .density = -1, .lambda = NAN, .seed = -1,
                                       .normalize = -1 };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "base GGUF"),
        CMD_OUT('o', "output", &o.output, "FILE", "model to write"),
        CMD_TEXT('t', "type", &o.type, "TYPE",
                 "type of all matrices: f32, f16, q8_0, q4_k_m, …; without it each keeps its own"),
        CMD_TEXT(0, "name", &args.name, "TEXT",
                 "name of what was made, behind that of the base"),
        CMD_FLAG(0, "allow-nonfinite", &args.allow_nonfinite,
                 "let NaN and infinities pass"),
        CMD_NO_HISTORY(&o.no_history),
        CMD_GROUP("Adapters"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter to add, may be given again"),
        CMD_TEXT(0, "chat-template", &o.template, "NAME|FILE",
                 "chat template that the model was trained with, if not its own"),
        CMD_IN(0, "kl", &o.kl, "TEXT",
               "say how far from base and adapters what OUT predicts of this text is"),
        CMD_FLAG(0, "adapters-only", &o.adapters_only, "join them to one adapter, without base"),
        CMD_INT(0, "rank", &o.rank, 1, 65536, "N", "with that: rank of a pair at most"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_GROUP("Models"),
        CMD_CHOICE(0, "method", &models.method, cmd_merge_method, "NAME",
                   "how models are merged"),
        CMD_INS('x', "with", &models.models, "FILE[:WEIGHT]",
                "model to merge, may be given again"),
        CMD_LIST(0, "weight", &models.rules, "RE=W[,W...]",
                 "weights of the models in tensors whose names match, may be given again"),
        CMD_FLOAT(0, "density", &models.density, 1e-6, 1, "X",
                  "share of the changes that stays: ties, dare, dare-ties (0.5)"),
        CMD_FLOAT(0, "lambda", &models.lambda, -1e4, 1e4, "X",
                  "factor on the changes: task, ties, dare, dare-ties (1)"),
        CMD_INT(0, "seed", &models.seed, 0, INT64_MAX, "N",
                "which changes stay: dare, dare-ties (0)"),
        CMD_IN(0, "layers", &models.layers, "FILE",
               "which blocks of which models: passthrough"),
        CMD_FLAG(0, "normalize", &models.normalize, "divide by the sum of the weights"),
        CMD_UNFLAG(0, "no-normalize", &models.normalize, "do not"),
        CMD_END
    };
    const struct cmd cmd = { "merge",
                             "-m BASE.gguf (-a ADAPTER.gguf[:SCALE] | --method NAME "
                             "-x MODEL.gguf[:WEIGHT]) -o OUT.gguf",
                             "add LoRA adapters to their base, or make one model of several",
                             table, 0, 0,
                             (const char *const[]){ "model|adapters-only", "adapter|method",
                                                    "output", NULL } };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    check_ways(&cmd, &o, &models);
    args.history = cmd_history(&cmd, o.no_history);
    if (o.type)
        cmd_recipe_type(&cmd, o.type, 0, &args.recipe);
    const struct cmd_join join = { o.adapters, o.rank, o.force, args.name, args.history,
                                   o.output };
    int rc = o.adapters_only      ? cmd_join_adapters(&join, &err)
             : models.method >= 0 ? merge_models(&cmd, &o, &models, &args, &err)
                                  : merge(&o, &args, &err);
    free(o.adapters.item);
    free(models.models.item);
    free(models.rules.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
