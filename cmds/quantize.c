/* SPDX-License-Identifier: MIT
 *
 * quantize - write a model in another type.  See quantize.1
 *
 * The work is libtrain/quantize.h's; here are the options and what is said about it.
 */
#include "shared/common.h"
#include "shared/history.h"
#include "shared/divergence.h"
#include "shared/files.h"
#include "shared/job.h"
#include "shared/loss-table.h"
#include "shared/recipe-options.h"
#include "shared/types.h"

#include <libtrain/printable.h>
#include <libtrain/quantize.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *type, *output, *output_type, *embd_type, *rule_file, *like, *imatrix, *kl;
    struct cmd_list rules, only, except, keys;
    int no_history;
    int dry_run, mixed;
    int64_t target;
};

static void print_recipe(const struct tr_recipe *r, int weighted)
{
    struct tr_err err = { 0 };
    if (tr_recipe_check(r, weighted, &err))
        cmd_warn("%s", err.text);
    puts("tensor\ttype\tnew_type\tbytes\tnew_bytes");
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        tr_print_escaped(stdout, t->name, strlen(t->name));
        printf("\t%s\t%s\t%lld\t%lld\n", t->dtype->name, r->entry[i].type->name,
               (long long)t->bytes, (long long)r->entry[i].bytes);
    }
}

static void summarise(const struct tr_recipe *r)
{
    double before = 0, after = 0, numbers = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct tr_gguf_tensor *t = r->entry[i].tensor;
        before += (double)t->bytes;
        after += (double)r->entry[i].bytes;
        numbers += (double)(t->bytes / t->dtype->bytes * t->dtype->block);
    }
    if (r->n)
        cmd_say("%zu tensors, %.1f MiB (%.2f bits per weight) -> %.1f MiB (%.2f)", r->n,
                before / 0x1p20, 8 * before / numbers, after / 0x1p20, 8 * after / numbers);
}

static void warn_of_clipped(const struct tr_recipe *r, const struct tr_quantize_error *error)
{
    for (size_t i = 0; i < r->n; i++)
        if (error[i].clipped)
            cmd_warn("tensor '%s': %lld numbers are beyond %g, the largest that %s holds, and "
                     "became that", r->entry[i].tensor->name, (long long)error[i].clipped,
                     (double)r->entry[i].type->largest, r->entry[i].type->name);
}

/* Write it, and say what it cost. */
static int convert(const struct tr_gguf *g, const struct tr_recipe *recipe,
                   const struct tr_quantize_args *args, const struct opts *o,
                   struct tr_err *err)
{
    struct tr_quantize_args with_error = *args;
    with_error.error = calloc(recipe->n + 1, sizeof *with_error.error);
    int rc = tr_quantize(g, recipe, &with_error, o->output, err);
    if (!rc)
        cmd_say_losses(recipe, with_error.error);
    if (!rc && with_error.error)
        warn_of_clipped(recipe, with_error.error);
    free(with_error.error);
    return rc;
}

static struct tr_recipe *make_recipe(const struct tr_gguf *g,
                                     const struct tr_quantize_args *args, int64_t target,
                                     struct tr_err *err)
{
    struct tr_recipe *recipe = tr_quantize_recipe(g, args, err);
    if (recipe && target && tr_quantize_fit(g, args, target, recipe, err)) {
        tr_recipe_free(recipe);
        return NULL;
    }
    return recipe;
}

/* What was asked for and selects nothing. */
static int tell_idle(const struct tr_gguf *g, const struct tr_recipe *recipe,
                     const struct tr_quantize_args *args, struct tr_err *err)
{
    char line[1000];
    for (const char **re = recipe->idle; re && *re; re++)
        cmd_warn("no tensor that may be converted has a name that '%s' matches", *re);
    int rc = tr_quantize_weights_odd(g, &args->weights, line, sizeof line, err);
    if (rc > 0)
        cmd_warn("%s", line);
    return rc < 0 ? rc : 0;
}

static int write_model(const struct tr_gguf *g, const struct tr_quantize_args *args,
                       const struct opts *o, struct tr_err *err)
{
    const char *text;
    int rc = 0;
    struct tr_recipe *recipe = make_recipe(g, args, o->target, err);
    if (!recipe)
        return -1;
    for (size_t i = 0; (text = tr_gguf_warning(g, i)); i++)
        cmd_warn("%s", text);
    cmd_say_instead(recipe);
    rc = tell_idle(g, recipe, args, err);
    if (!rc && o->dry_run)
        print_recipe(recipe, args->weights.imatrix != NULL);
    if (!rc && o->dry_run && o->target)
        cmd_say_losses(recipe, NULL);
    if (!rc && !o->dry_run)
        rc = convert(g, recipe, args, o, err);
    if (!rc)
        summarise(recipe);
    tr_recipe_free(recipe);
    return rc;
}

/* With all files open that the options name. */
static int quantize(const char *input, struct tr_quantize_args *args, const struct opts *o,
                    struct tr_err *err)
{
    struct cmd_kl kl = { 0 };
    struct tr_imatrix *imatrix = NULL;
    struct tr_gguf *like = NULL, *g = tr_gguf_open(input, err);
    int rc = g ? 0 : -1;
    if (!rc && o->like && !(like = tr_gguf_open(o->like, err)))
        rc = -1;
    if (!rc && o->imatrix && !(imatrix = tr_imatrix_open(o->imatrix, err)))
        rc = -1;
    if (args->keep_split)
        cmd_many_files();
    args->recipe.like = like;
    args->weights.imatrix = imatrix;
    if (!rc && o->kl)
        rc = cmd_kl_begin(&kl, o->kl, input, err);
    if (!rc)
        rc = write_model(g, args, o, err);
    if (!rc && o->kl)
        rc = cmd_kl_say(&kl, o->output, err);
    cmd_kl_end(&kl);
    tr_imatrix_close(imatrix);
    tr_gguf_close(like);
    tr_gguf_close(g);
    return rc;
}

static void take_options(const struct cmd *cmd, const struct opts *o,
                         struct tr_quantize_args *args)
{
    struct tr_recipe_args *r = &args->recipe;
    if (o->kl && (o->dry_run || !strcmp(o->output, "-")))
        cmd_usage(cmd, "'--kl' needs a file that is written");
    if (args->keep_split && (o->kl || o->target))
        cmd_usage(cmd, "--keep-split excludes --kl and --target-size");
    if (args->keep_split && o->output && !strcmp(o->output, "-"))
        cmd_usage(cmd, "--keep-split writes files, not standard output");
    if (o->mixed && r->pure)
        cmd_usage(cmd, "--mix and --pure exclude each other");
    if (o->only.n && o->except.n)
        cmd_usage(cmd, "--include-weights and --exclude-weights exclude each other");
    if (o->target && (o->type || o->like))
        cmd_usage(cmd, "--target-size excludes --type and --like");
    if ((o->only.n || o->except.n) && !o->imatrix)
        cmd_usage(cmd, "there are no weights without --imatrix");
    if (o->type)
        cmd_recipe_type(cmd, o->type, o->mixed, r);
    if (o->output_type)
        r->output = cmd_type(cmd, o->output_type);
    if (o->embd_type)
        r->embd = cmd_type(cmd, o->embd_type);
    args->weights.only = o->only.item;
    args->weights.n_only = o->only.n;
    args->weights.except = o->except.item;
    args->weights.n_except = o->except.n;
    args->n_key = o->keys.n;
    args->history = cmd_history(cmd, o->no_history);
}

/* With what the lists of options come to. */
static int run(const struct cmd *cmd, const char *input, const struct opts *o,
               struct tr_quantize_args *args, struct tr_err *err)
{
    struct cmd_rules rules = { 0 };
    struct tr_quantize_key *keys = cmd_keys(cmd, &o->keys);
    int rc = keys ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory for keys");
    if (!rc)
        rc = cmd_rules_read(cmd, &o->rules, o->rule_file, &rules, err);
    args->key = keys;
    args->recipe.rule = rules.rule;
    args->recipe.n_rule = rules.n;
    if (!rc)
        rc = quantize(input, args, o, err);
    cmd_rules_free(&rules);
    free(keys);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    struct tr_quantize_args args = { 0 };
    int n;
    struct tr_err err = { 0 };
    const struct cmd_opt table[] = {
        CMD_TEXT('t', "type", &o.type, "TYPE", "type of the matrices: Q8_0, f16, Q4_K_M, …"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the model"),
        CMD_FLAG(0, "mix", &o.mixed, "the mixture of this name, not the type"),
        CMD_FLAG(0, "pure", &args.recipe.pure, "of a mixture its main type alone"),
        CMD_SIZE(0, "target-size", &o.target, "SIZE",
                 "the types with the least error in a file of this size"),
        CMD_IN(0, "kl", &o.kl, "TEXT",
               "say how far from IN's what OUT predicts of this text is"),
        CMD_FLAG(0, "dry-run", &o.dry_run, "print the sizes as TSV and write nothing"),
        CMD_FLAG(0, "keep-split", &args.keep_split, "as many files as IN is in"),
        CMD_FLAG(0, "allow-requantize", &args.allow_requantize,
                 "convert tensors that are quantised already"),
        CMD_FLAG(0, "allow-nonfinite", &args.allow_nonfinite,
                 "let NaN and infinities pass"),
        CMD_GROUP("Which type for which tensor"),
        CMD_LIST(0, "tensor-type", &o.rules, "RE=TYPE",
                 "type of tensors whose names match, may be given again"),
        CMD_IN(0, "tensor-type-file", &o.rule_file, "FILE", "the same, words of a file"),
        CMD_TEXT(0, "output-type", &o.output_type, "TYPE", "of output.weight"),
        CMD_TEXT(0, "embd-type", &o.embd_type, "TYPE", "of the table of tokens"),
        CMD_FLAG(0, "leave-output", &args.recipe.leave_output,
                 "output.weight keeps its type"),
        CMD_IN(0, "like", &o.like, "FILE", "types of the tensors of this GGUF"),
        CMD_GROUP("Weights"),
        CMD_IN(0, "imatrix", &o.imatrix, "FILE", "importance matrix"),
        CMD_LIST(0, "include-weights", &o.only, "RE", "use it for these tensors alone"),
        CMD_LIST(0, "exclude-weights", &o.except, "RE", "use it for others than these"),
        CMD_GROUP("Keys"),
        CMD_LIST(0, "override-kv", &o.keys, "KEY=TYPE:VALUE",
                 "set a key; TYPE is int, float, bool or str"),
        CMD_NO_HISTORY(&o.no_history),
        CMD_END
    };
    const struct cmd cmd = {
        "quantize", "-t TYPE -o OUT.gguf IN.gguf", "write a model in another type", table,
        1, 1, (const char *const[]){ "type|like|target-size", "output|dry-run", NULL }
    };
    char **file = cmd_parse(&cmd, argc, argv, &n);
    take_options(&cmd, &o, &args);
    args.progress = cmd_job("B");
    int rc = run(&cmd, *file, &o, &args, &err);
    free(o.rules.item);
    free(o.only.item);
    free(o.except.item);
    free(o.keys.item);
    return cmd_end(rc ? cmd_code(&err) : CMD_OK, &err);
}
