/* SPDX-License-Identifier: MIT
 *
 * quantize - write a model in another type.  See quantize.1
 *
 * The work is libtrain/quantize.h's; here are the options and what is said about it.
 */
#include "shared/common.h"
#include "shared/job.h"
#include "shared/types.h"

#include <libtrain/printable.h>
#include <libtrain/quantize.h>

#include <stdio.h>
#include <string.h>

struct opts {
    const char *type, *output;
    int dry_run, mixed;
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

static int quantize(const char *input, const struct tr_quantize_args *args,
                    const struct opts *o, struct tr_err *err)
{
    struct tr_recipe *recipe = NULL;
    int rc = -1;
    struct tr_gguf *g = tr_gguf_open(input, err);
    const char *text;
    if (!g || !(recipe = tr_quantize_recipe(g, args, err)))
        goto out;
    for (size_t i = 0; (text = tr_gguf_warning(g, i)); i++)
        cmd_warn("%s", text);
    cmd_say_instead(recipe);
    if (o->dry_run)
        print_recipe(recipe, args->recipe.weighted);
    else if (tr_quantize(g, recipe, args, o->output, err))
        goto out;
    summarise(recipe);
    rc = 0;
out:
    tr_recipe_free(recipe);
    tr_gguf_close(g);
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
        CMD_FLAG(0, "dry-run", &o.dry_run, "print the sizes as TSV and write nothing"),
        CMD_FLAG(0, "allow-requantize", &args.allow_requantize,
                 "convert tensors that are quantised already"),
        CMD_FLAG(0, "allow-nonfinite", &args.allow_nonfinite,
                 "let NaN and infinities pass"),
        CMD_END
    };
    const struct cmd cmd = {
        "quantize", "-t TYPE -o OUT.gguf IN.gguf", "write a model in another type", table,
        1, 1, (const char *const[]){ "type", "output|dry-run", NULL }
    };
    char **file = cmd_parse(&cmd, argc, argv, &n);
    if (o.mixed && args.recipe.pure)
        cmd_usage(&cmd, "--mix and --pure exclude each other");
    cmd_recipe_type(&cmd, o.type, o.mixed, &args.recipe);
    args.progress = cmd_job("B");
    return cmd_end(quantize(*file, &args, &o, &err) ? cmd_code(&err) : CMD_OK, &err);
}
