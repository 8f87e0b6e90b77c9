/* SPDX-License-Identifier: MIT
 *
 * modelfile - a Modelfile with which Ollama serves a model.  See modelfile.1
 *
 * The work is the library's (libtrain/publish.h); here is how files are named, as they are
 * seen from the folder where the Modelfile will lie.
 */
#include "shared/adapters.h"
#include "shared/common.h"
#include "shared/files.h"
#include "shared/template.h"
#include "shared/vocab.h"

#include <libtrain/file.h>
#include <libtrain/publish.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_CTX = 4096 }; /* positions: Ollama takes the memory of all of them */

struct opts {
    const char *model, *adapter, *from, *system, *template, *output;
    struct cmd_list template_args;
    int64_t ctx;
    int force;
};

/* The path of a file as Ollama finds it from the folder of the output: ./NAME, or from the
 * root. */
static int name_from(const char *output, const char *path, char name[PATH_MAX],
                     struct tr_err *err)
{
    char folder[PATH_MAX], whole[PATH_MAX];
    const char *base = strrchr(path, '/');
    const char *end = strcmp(output, "-") ? strrchr(output, '/') : NULL;
    snprintf(folder, sizeof folder, "%.*s", end ? (int)(end - output) + 1 : 1,
             end ? output : ".");
    if (cmd_is_in(path, folder)) {
        snprintf(name, PATH_MAX, "./%.*s", PATH_MAX - 3, base ? base + 1 : path);
        return 0;
    }
    if (!realpath(path, whole))
        return tr_err_sys(err, "'%s'", path);
    snprintf(name, PATH_MAX, "%s", whole);
    return 0;
}

/* What the model was made for, at most what is usual; 0 if it does not say. */
static int64_t usual_ctx(const struct tr_gguf *g)
{
    int64_t n = cmd_context(g);
    return n < USUAL_CTX ? n : USUAL_CTX;
}

static int write_to(struct tr_out *out, const struct opts *o, const struct tr_gguf *g,
                    const struct tr_tokenizer *tok, const struct cmd_template *chat,
                    struct tr_err *err)
{
    char from[PATH_MAX], adapter[PATH_MAX];
    struct tr_modelfile m = { .from = o->from ? o->from : from, .system = o->system,
                              .num_ctx = o->ctx ? o->ctx : usual_ctx(g), .chat = chat->chat,
                              .args = chat->args, .now = chat->now };
    if (name_from(o->output, o->model, from, err) ||
        (o->adapter && name_from(o->output, o->adapter, adapter, err)))
        return err->code;
    m.adapter = o->adapter ? adapter : NULL;
    return tr_modelfile_write(tr_out_stream(out), &m, tok, err);
}

/* FOLDER/ is a folder, of a Modelfile and what it names. */
static int is_folder(const char *output)
{
    size_t n = strlen(output);
    return n && output[n - 1] == '/';
}

static int write_folder(const struct opts *o, const struct tr_gguf *g,
                        const struct tr_tokenizer *tok, const struct cmd_template *chat,
                        struct tr_err *err)
{
    struct tr_modelfile m = { .from = o->model, .adapter = o->adapter, .system = o->system,
                              .num_ctx = o->ctx ? o->ctx : usual_ctx(g), .chat = chat->chat,
                              .args = chat->args, .now = chat->now };
    if (tr_gguf_n_part(g) > 1)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' is one of %zu files of a model, and "
                          "Ollama reads models in one: 'gguf-split --merge' makes it", o->model,
                          tr_gguf_n_part(g));
    return tr_modelfile_folder(o->output, &m, tok, err);
}

static int write_file(const struct opts *o, const struct tr_gguf *g,
                      const struct tr_tokenizer *tok, const struct cmd_template *chat,
                      struct tr_err *err)
{
    struct tr_out *out = tr_out_open(o->output, err);
    int rc = out ? write_to(out, o, g, tok, chat, err) : TR_EIO;
    return tr_out_finish(out, rc, err);
}

/* It may be of an architecture that cannot be run here. */
static int check_adapter(const struct opts *o, const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_gguf *a = tr_gguf_open(o->adapter, err);
    if (!a)
        return err->code;
    const char *is = tr_gguf_purpose(a);
    int rc = strcmp(is, "an adapter")
                 ? tr_err_set(err, TR_EMISMATCH, "'%s' is %s, not an adapter", o->adapter, is) : 0;
    tr_gguf_close(a);
    return rc ? rc : cmd_check_file(o->adapter, g, o->force, err);
}

static int run(const struct opts *o, struct tr_err *err)
{
    struct cmd_template chat = { 0 };
    struct tr_tokenizer *tok = NULL;
    int folder = is_folder(o->output);
    struct tr_gguf *g = tr_gguf_open(o->model, err);
    if (g && tr_gguf_n_part(g) > 1 && !o->from && !folder)
        cmd_warn("'%s' is one of %zu files of a model, and Ollama reads models in one: "
                 "'gguf-split --merge' makes it", o->model, tr_gguf_n_part(g));
    int rc = g && (tok = cmd_tokenizer(g, NULL, err)) ? 0 : err->code;
    if (!rc)
        rc = cmd_template_open(&chat, g, tok, o->template, &o->template_args, err);
    if (!rc && o->adapter)
        rc = check_adapter(o, g, err);
    if (!rc && o->adapter)
        cmd_say("newer versions of Ollama refuse ADAPTER: a merged model works in all");
    if (!rc)
        rc = (folder ? write_folder : write_file)(o, g, tok, &chat, err);
    cmd_template_release(&chat);
    tr_tokenizer_free(tok);
    tr_gguf_close(g);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .output = "-" };
    const struct cmd_opt table[] = {
        CMD_IN('m', "model", &o.model, "FILE", "GGUF that Ollama is to serve"),
        CMD_IN('a', "adapter", &o.adapter, "FILE", "adapter on top of it"),
        CMD_FLAG(0, "force", &o.force, "also an adapter that was trained on another base"),
        CMD_TEXT(0, "from", &o.from, "NAME",
                 "what Ollama calls the model, instead of its path"),
        CMD_TEXT(0, "system", &o.system, "TEXT", "system message where a chat has none"),
        CMD_INT(0, "ctx", &o.ctx, 1, 1LL << 31, "N",
                "positions (default: the model's, at most 4096)"),
        CMD_TEXT(0, "chat-template", &o.template, "NAME|FILE", CMD_TEMPLATE_HELP),
        CMD_LIST(0, "template-arg", &o.template_args, "NAME=JSON", CMD_TEMPLATE_ARG_HELP),
        CMD_OUT('o', "output", &o.output, "FILE",
                "where to write it; FOLDER/ gets the files that it names too"),
        CMD_END
    };
    const struct cmd cmd = { "modelfile", "-m MODEL.gguf [-a ADAPTER.gguf] [-o Modelfile]",
                             "write how Ollama serves a model", table, 0, 0,
                             (const char *const[]){ "model", NULL } };
    struct tr_err err = { 0 };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    if (o.from && is_folder(o.output))
        cmd_usage(&cmd, "a folder has the model in it: no '--from'");
    if (o.force && !o.adapter)
        cmd_usage(&cmd, "'--force' goes with '--adapter'");
    int rc = run(&o, &err);
    free(o.template_args.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
