/* SPDX-License-Identifier: MIT
 *
 * generate - sample text from a model.  See generate.1
 */
#include "shared/adapters.h"
#include "shared/chats.h"
#include "shared/common.h"
#include "shared/job.h"
#include "shared/prompts.h"
#include "shared/rope.h"
#include "shared/talk.h"
#include "shared/text-out.h"
#include "shared/vocab.h"

#include <libtrain/file.h>
#include <libtrain/generate.h>
#include <libtrain/precision.h>
#include <libtrain/printable.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *model, *prompt_file, *pack, *chats, *template, *output, *label, *after;
    const char *pre;
    struct cmd_list adapters, prompts, stops, template_args;
    int64_t n, n_pack, ctx, seed;
    int force, special, ask, talk, exact, precision;
    struct tr_sampling sampling;
    struct cmd_rope rope;
};

struct run {
    const struct opts *o;
    struct cmd_text_out text;
    struct cmd_prompts prompts;
    struct tr_model *m;
    struct tr_tokenizer *tok;
    struct tr_generator *gen;
    int64_t made, most; /* pieces of text, about one a token */
};

static int print(void *ctx, const char *text, size_t n)
{
    struct run *r = ctx;
    cmd_text_put(&r->text, text, n);
    fflush(r->text.f);
    return 0;
}

static int take(void *ctx, const char *text, size_t n)
{
    struct run *r = ctx;
    cmd_job_at(++r->made, r->most);
    return print(r, text, n);
}

static void say(struct run *r, const char *text)
{
    print(r, text, strlen(text));
}

static int on_prompt(struct run *r, size_t i, struct tr_err *err)
{
    const struct opts *o = r->o;
    struct tr_rng rng = tr_rng_init((uint64_t)o->seed, i);
    struct tr_generate_args args = { .sampling = o->sampling, .n = o->n,
                                     .stop = o->stops.item, .n_stop = o->stops.n,
                                     .text = take, .ctx = r };
    r->most = r->made + (int64_t)(r->prompts.n - i) * o->n;
    if (o->label) {
        say(r, "==> ");
        tr_print_escaped(r->text.f, o->label, strlen(o->label));
        say(r, " <==\n");
    }
    say(r, r->prompts.item[i].text);
    if (o->ask)
        say(r, "\n");
    const struct tr_tokens *id = &r->prompts.item[i].id;
    int rc = tr_generate(r->gen, id->id, id->n, &args, &rng, err);
    cmd_text_end(&r->text);
    if (!rc)
        say(r, "\n");
    return rc;
}

static int open_prompts(struct run *r, struct tr_err *err)
{
    const struct opts *o = r->o;
    struct cmd_template chat = { 0 };
    int64_t context = cmd_context(tr_model_gguf(r->m));
    const struct cmd_prompt_source source = {
        .given = &o->prompts, .path = o->prompt_file, .chats = o->chats,
        .special = o->special, .ask = o->ask, .template = &chat,
        .pack = o->pack, .n_pack = o->n_pack, .vocab = tr_model_gguf(r->m),
        .longest = (context ? context : INT32_MAX) - o->n
    };
    int rc = 0;
    if (o->chats || o->ask)
        rc = cmd_chat_template(&chat, tr_model_gguf(r->m), r->tok, o->template,
                               &o->template_args, err);
    if (!rc)
        rc = cmd_prompts_read(&r->prompts, r->tok, &source, err);
    cmd_template_release(&chat);
    if (rc)
        return rc;
    int64_t longest = (int64_t)r->prompts.longest;
    tr_model_set_context(r->m, longest + o->n);
    r->gen = tr_generator_new(r->m, r->tok, longest, o->n, err);
    return r->gen ? 0 : err->code;
}

/* Positions of a conversation: what was asked for, or what the model has up to 4096. */
static int64_t talk_context(const struct run *r)
{
    int64_t context = cmd_context(tr_model_gguf(r->m));
    if (r->o->ctx)
        return r->o->ctx;
    return context > 0 && context < 4096 ? context : 4096;
}

static int talk(struct run *r, struct tr_err *err)
{
    const struct opts *o = r->o;
    struct cmd_template chat = { 0 };
    int64_t ctx = talk_context(r);
    tr_model_set_context(r->m, ctx);
    int rc = cmd_template_open(&chat, tr_model_gguf(r->m), r->tok, o->template,
                               &o->template_args, err);
    if (!rc && !(r->gen = tr_generator_new(r->m, r->tok, ctx - 1, 1, err)))
        rc = err->code;
    const struct cmd_talk_args args = {
        .gen = r->gen, .tok = r->tok, .template = &chat, .context = ctx,
        .special = o->special,
        .generate = { .sampling = o->sampling, .n = o->n ? o->n : 512,
                      .stop = o->stops.item, .n_stop = o->stops.n },
        .seed = (uint64_t)o->seed, .out = &r->text
    };
    if (!rc)
        rc = cmd_talk(&args, err);
    cmd_template_release(&chat);
    return rc;
}

static int continue_all(struct run *r, struct tr_err *err)
{
    int rc = open_prompts(r, err);
    if (!rc)
        rc = cmd_text_copy(&r->text, r->o->after, err);
    if (!r->text.terminal)
        cmd_job("tok");
    for (size_t i = 0; !rc && i < r->prompts.n; i++)
        rc = on_prompt(r, i, err);
    return rc;
}

static int run_all(const struct opts *o, struct tr_err *err)
{
    struct run r = { .o = o };
    struct cmd_adapters adapters = {0};
    const struct tr_precision *precision;
    int rc = TR_EIO;
    struct tr_out *out = tr_out_open(o->output, err);
    if (!out || !(precision = cmd_precision(o->precision, err)) || !(r.m = cmd_open_model(o->model, err)) ||
        tr_model_set_rope(r.m, o->rope.base, o->rope.scale, err) ||
        cmd_adapters_attach(&adapters, &o->adapters, r.m, o->force, err) ||
        !(r.tok = cmd_tokenizer(tr_model_gguf(r.m), o->pre, err)))
        goto end;
    tr_model_set_precision(r.m, o->exact ? precision : tr_precision_few_int8(precision));
    r.text = cmd_text_to(out);
    rc = o->talk ? talk(&r, err) : continue_all(&r, err);
end:
    rc = tr_out_finish(out, rc, err);
    tr_generator_free(r.gen);
    tr_tokenizer_free(r.tok);
    cmd_prompts_release(&r.prompts);
    tr_model_close(r.m);
    cmd_adapters_release(&adapters);
    return rc ? CMD_FAIL : CMD_OK;
}

static void check_usage(const struct cmd *cmd, const struct opts *o)
{
    int prompt = o->prompts.n || o->prompt_file || o->pack || o->chats;
    if (o->talk && (prompt || o->ask || o->label || o->after || strcmp(o->output, "-")))
        cmd_usage(cmd, "option '--interactive' reads standard input and writes standard "
                  "output, and takes no prompts");
    if (o->ctx && !o->talk)
        cmd_usage(cmd, "option '--ctx' is for --interactive");
    if ((o->template || o->template_args.n) && !o->chats && !o->ask && !o->talk)
        cmd_usage(cmd, "a chat template is for --chat, --ask and --interactive");
}

int main(int argc, char **argv)
{
    struct opts o = { .n_pack = 4, .sampling = { .temp = 0.8, .top_k = 40, .top_p = 0.95 },
                      .seed = 42, .output = "-" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF to sample from"),
        CMD_INS('a', "adapter", &o.adapters, "FILE[:SCALE]",
                 "adapter on top of it, may be given again"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_LIST('p', "prompt", &o.prompts, "TEXT",
                 "text to continue, may be given again"),
        CMD_IN(0, "prompts", &o.prompt_file, "FILE", "texts to continue, one a line"),
        CMD_IN(0, "prompts-from", &o.pack, "FILE.pack",
               "packed data: go on with the beginnings of documents in it"),
        CMD_INT('k', "documents", &o.n_pack, 1, 1 << 20, "N", "so many of them"),
        CMD_IN(0, "chat", &o.chats, "FILE",
               "chats to go on with, JSON: an array of messages, an object, or one a line"),
        CMD_FLAG(0, "ask", &o.ask, CMD_ASK_HELP),
        CMD_FLAG('i', "interactive", &o.talk, "talk: a message a line from standard input"),
        CMD_INT('c', "ctx", &o.ctx, 2, 1 << 30, "N",
                "positions of a conversation (4096, or what the model has)"),
        CMD_TEXT(0, "chat-template", &o.template, "NAME|FILE", CMD_TEMPLATE_HELP),
        CMD_LIST(0, "template-arg", &o.template_args, "NAME=JSON", CMD_TEMPLATE_ARG_HELP),
        CMD_INT('n', "tokens", &o.n, 1, 1 << 20, "N",
                "tokens to add at most (100, in a conversation 512)"),
        CMD_FLAG(0, "exact", &o.exact,
                 "products of a token with packed weights in f32, not in integers"),
        CMD_CHOICE(0, "precision", &o.precision, cmd_precision_name, "NAME",
                   "of the products of more rows, those of a prompt"),
        CMD_FLOAT(0, "temp", &o.sampling.temp, 0, 100, "X",
                  "temperature; 0: always the likeliest"),
        CMD_INT(0, "top-k", &o.sampling.top_k, 0, 1 << 20, "N",
                "choose among the N likeliest; 0: all"),
        CMD_FLOAT(0, "top-p", &o.sampling.top_p, 0, 1, "X",
                  "of these, the fewest that have this share of the probability"),
        CMD_LIST(0, "stop", &o.stops, "TEXT", "end before this text, may be given again"),
        CMD_INT(0, "seed", &o.seed, 0, 9e15, "N", "of the sampling"),
        CMD_ROPE_BASE(&o.rope),
        CMD_ROPE_SCALE(&o.rope),
        CMD_TEXT(0, "pre", &o.pre, "NAME", CMD_PRE_HELP),
        CMD_FLAG(0, "special", &o.special, CMD_SPECIAL_HELP),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the text"),
        CMD_TEXT(0, "label", &o.label, "TEXT", "a line with this before every sample"),
        CMD_IN(0, "after", &o.after, "FILE", "begin with the samples of this older file"),
        CMD_END
    };
    const struct cmd cmd = { "generate", "-m MODEL.gguf -p PROMPT [-n N]",
                             "continue a text", table, 0, 0,
                             (const char *const[]){ "model",
                                 "prompt|prompts|prompts-from|chat|interactive",
                                 NULL } };
    struct tr_err err = {0};
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    check_usage(&cmd, &o);
    if (!o.talk && !o.n)
        o.n = 100;
    int rc = run_all(&o, &err);
    free(o.adapters.item);
    free(o.prompts.item);
    free(o.stops.item);
    free(o.template_args.item);
    return cmd_end(rc, &err);
}
