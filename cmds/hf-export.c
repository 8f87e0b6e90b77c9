/* SPDX-License-Identifier: MIT
 *
 * hf-export - a model as a folder that transformers loads.  See hf-export.1
 *
 * The work is libtrain/hf_export.h's; here are the options.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/types.h"

#include <libtrain/hf_export.h>
#include <libtrain/peft.h>

#include <string.h>

struct opts {
    const char *model, *adapter, *base_name, *type, *output;
    int force;
    struct tr_hf_export_args args;
};

static void take_type(const struct cmd *cmd, struct opts *o)
{
    if (o->type && strcmp(o->type, "auto"))
        o->args.type = cmd_type(cmd, o->type);
    const struct tr_dtype *t = o->args.type;
    if (t && t != &tr_f32 && t != &tr_f16 && t != &tr_bf16)
        cmd_usage(cmd, "--type is f32, f16, bf16 or auto: a folder of Hugging Face holds "
                  "no packed weights");
}

static int run(struct opts *o, struct tr_err *err)
{
    const char *text;
    struct tr_gguf *g = tr_gguf_open(o->model, err);
    if (!g)
        return err->code;
    for (size_t i = 0; (text = tr_gguf_warning(g, i)); i++)
        cmd_warn("%s", text);
    o->args.progress = cmd_job("B");
    int rc = tr_hf_export(g, &o->args, o->output, err);
    tr_gguf_close(g);
    return rc;
}

/* The adapter alone, as PEFT has it. */
static int run_adapter(const struct opts *o, struct tr_err *err)
{
    struct tr_peft_export_args args = { o->args.type, o->base_name };
    struct tr_model *base = cmd_open_model(o->model, err);
    struct tr_lora *l = base ? cmd_open_adapter(o->adapter, base, o->force, err) : NULL;
    int rc = l ? tr_peft_export(l, base, &args, o->output, err) : err->code;
    tr_lora_free(l);
    tr_model_close(base);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { 0 };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF of the model"),
        CMD_IN('a', "adapter", &o.adapter, "FILE",
               "write this adapter of the model alone, as PEFT has it"),
        CMD_TEXT(0, "base-name", &o.base_name, "TEXT",
                 "where PEFT finds the base: a folder, or a name on the Hub"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_TEXT('t', "type", &o.type, "TYPE",
                 "f32, f16, bf16, or auto: the model's, f16 if it is packed"),
        CMD_SIZE(0, "shard-size", &o.args.shard_bytes, "BYTES",
                 "numbers in a file at most, with K, M or G (default: all in one)"),
        CMD_TEXT(0, "like", &o.args.like, "FOLDER",
                 "copy the files of the tokenizer from there"),
        CMD_TEXT('o', "output", &o.output, "FOLDER", "where to write; a new folder"),
        CMD_END
    };
    const struct cmd cmd = {
        "hf-export", "-m MODEL.gguf [-a ADAPTER.gguf] [-t TYPE] -o FOLDER",
        "write a model as a folder that transformers loads", table, 0, 0,
        (const char *const[]){ "model", "output", NULL }
    };
    struct tr_err err = { 0 };
    int n;
    cmd_parse(&cmd, argc, argv, &n);
    take_type(&cmd, &o);
    if (o.adapter && (o.args.shard_bytes || o.args.like))
        cmd_usage(&cmd, "'--%s' does not go with '--adapter'",
                  o.args.like ? "like" : "shard-size");
    if (!o.adapter && (o.base_name || o.force))
        cmd_usage(&cmd, "'--%s' goes with '--adapter'", o.force ? "force" : "base-name");
    int rc = o.adapter ? run_adapter(&o, &err) : run(&o, &err);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
