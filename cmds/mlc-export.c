/* SPDX-License-Identifier: MIT
 *
 * mlc-export - a bundle of a model for WebLLM.  See mlc-export.1
 */
#include "shared/common.h"
#include "shared/job.h"
#include "shared/template.h"
#include "shared/vocab.h"

#include <libtrain/publish.h>

#include <stdlib.h>

struct opts {
    const char *model, *quant, *output, *system, *conv, *like;
    struct cmd_list template_args;
    int64_t ctx;
    int tie;
};

static void say(void *ctx, const char *line)
{
    (void)ctx;
    cmd_warn("%s", line);
}

static int run(const struct opts *o, struct tr_err *err)
{
    struct cmd_template chat = { 0 };
    struct tr_tokenizer *tok = NULL;
    struct tr_gguf *g = tr_gguf_open(o->model, err);
    int rc = g && !tr_gguf_expect_model(g, err) && (tok = cmd_tokenizer(g, NULL, err))
                 ? 0 : err->code;
    if (!rc)
        rc = cmd_template_open(&chat, g, tok, o->conv, &o->template_args, err);
    if (!rc) {
        struct tr_mlc x = { .quant = o->quant, .chat = chat.chat, .args = chat.args,
                            .now = chat.now, .system = o->system, .n_ctx = o->ctx,
                            .like = o->like, .tie = o->tie, .say = say,
                            .progress = cmd_job("num") };
        rc = tr_mlc_export(g, tok, &x, o->output, err);
        cmd_job_end();
    }
    cmd_template_release(&chat);
    tr_tokenizer_free(tok);
    tr_gguf_close(g);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .quant = "q4f16_1" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF to make a bundle of"),
        CMD_TEXT('t', "type", &o.quant, "NAME", "q4f16_1, q4f16_0, q4f32_1 or q0f16"),
        CMD_TEXT(0, "system", &o.system, "TEXT", "system message where a chat has none"),
        CMD_INT(0, "ctx", &o.ctx, 1, 1LL << 31, "N",
                "positions (default: the model's, at most 4096)"),
        CMD_TEXT(0, "conv-template", &o.conv, "NAME|FILE", CMD_TEMPLATE_HELP),
        CMD_LIST(0, "template-arg", &o.template_args, "NAME=JSON", CMD_TEMPLATE_ARG_HELP),
        CMD_IN(0, "like", &o.like, "FOLDER", "take the tokenizer's files from there"),
        CMD_FLAG(0, "tie", &o.tie, "one matrix for tokens and output, where the file has two"),
        CMD_OUT('o', "output", &o.output, "FOLDER", "where to make it"),
        CMD_END
    };
    const struct cmd cmd = { "mlc-export", "-m MODEL.gguf [-t q4f16_1] -o FOLDER",
                             "make a bundle of a model for WebLLM", table, 0, 0,
                             (const char *const[]){ "model", "output", NULL } };
    struct tr_err err = { 0 };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    int rc = run(&o, &err);
    free(o.template_args.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
