/* SPDX-License-Identifier: MIT
 *
 * gguf-import - a model of Hugging Face as a GGUF.  See gguf-import.1
 *
 * The work is libtrain/import.h's; here are the options.
 */
#include "shared/common.h"
#include "shared/job.h"
#include "shared/types.h"

#include <libtrain/import.h>

#include <string.h>

struct opts {
    const char *type, *output;
};

static void take_type(const struct cmd *cmd, const char *name, struct tr_import_args *args)
{
    struct tr_recipe_args r = { 0 };
    if (!strcmp(name, "auto"))
        return;
    cmd_recipe_type(cmd, name, 0, &r);
    args->type = r.mix ? NULL : r.type;
    args->mix = r.mix;
}

int main(int argc, char **argv)
{
    struct opts o = { .type = "auto" };
    struct tr_import_args args = { 0 };
    int n;
    struct tr_err err = { 0 };
    const struct cmd_opt table[] = {
        CMD_TEXT('t', "type", &o.type, "TYPE",
                 "type of the matrices: auto (the folder's), f32, f16, bf16, q8_0, Q4_K_M, …"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the model"),
        CMD_TEXT(0, "pre", &args.pre, "NAME", "the pre-tokenizer, instead of finding it"),
        CMD_TEXT(0, "name", &args.name, "NAME", "general.name, instead of the folder's"),
        CMD_FLAG(0, "no-mtp", &args.no_mtp,
                 "leave out the blocks that predict further tokens (MTP)"),
        CMD_END
    };
    const struct cmd cmd = {
        "gguf-import", "[-t TYPE] -o OUT.gguf FOLDER",
        "make a GGUF of a model in a folder of Hugging Face", table, 1, 1,
        (const char *const[]){ "output", NULL }
    };
    char **folder = cmd_parse(&cmd, argc, argv, &n);
    take_type(&cmd, o.type, &args);
    args.progress = cmd_job("B");
    int rc = tr_import(*folder, &args, o.output, &err);
    return cmd_end(rc ? cmd_code(&err) : CMD_OK, &err);
}
