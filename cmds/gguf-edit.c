/* SPDX-License-Identifier: MIT
 *
 * gguf-edit - change keys and names in a GGUF file.  See gguf-edit.1
 *
 * The work is libtrain/amend.h's; here are the options, and a look at whether what could be
 * used before can be used after.
 */
#include "shared/common.h"
#include "shared/history.h"
#include "shared/job.h"

#include <libtrain/amend.h>
#include <libtrain/chat.h>
#include <libtrain/file.h>
#include <libtrain/model.h>
#include <libtrain/tokenizer.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Flags of the tokenizer that have an option. */
static const char *const flag_key[] = {
    "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token",
    "tokenizer.ggml.add_sep_token", "tokenizer.ggml.add_space_prefix",
};
enum { N_FLAG = sizeof flag_key / sizeof *flag_key };

struct opts {
    const char *output, *template, *names, *tokens;
    struct cmd_list set, delete, rename, rename_tensor;
    int flag[N_FLAG]; /* 0: yes, 1: no, negative: as it is */
    int in_place, restore, no_history;
    const char *history;
    int64_t room, multiple;
};

static const char *yes_or_no(int i)
{
    static const char *const word[] = { "yes", "no" };
    return i < 2 ? word[i] : NULL;
}

/* ---- the edits -------------------------------------------------------------------- */

/* Cut "A=B" in two, in a copy that the caller frees; NULL and an error if it is none. */
static char *cut(const char *option, const char *text, char **value, struct tr_err *err)
{
    char *copy = strdup(text), *equals = copy ? strchr(copy, '=') : NULL;
    if (equals && equals > copy) {
        *equals = '\0';
        *value = equals + 1;
        return copy;
    }
    tr_err_set(err, TR_EINVAL, "--%s '%.64s': no '=' in it", option, text);
    free(copy);
    return NULL;
}

static int set(struct tr_amend *a, const char *text, struct tr_err *err)
{
    char *type, *key = cut("set", text, &type, err);
    char *colon = key ? strchr(type, ':') : NULL;
    int rc = TR_EINVAL;
    if (colon) {
        *colon = '\0';
        rc = tr_amend_set(a, key, type, colon + 1, err);
    } else if (key) {
        tr_err_set(err, TR_EINVAL, "--set '%.64s': not KEY=TYPE:VALUE", text);
    }
    free(key);
    return rc;
}

static int rename_one(struct tr_amend *a, const char *option, const char *text,
                      int (*f)(struct tr_amend *, const char *, const char *,
                               struct tr_err *),
                      struct tr_err *err)
{
    char *to, *from = cut(option, text, &to, err);
    int rc = from ? f(a, from, to, err) : TR_EINVAL;
    free(from);
    return rc;
}

/* A well-known template or a file, which must be one. */
static int set_template(struct tr_amend *a, const char *name, struct tr_err *err)
{
    char *read = NULL;
    size_t n = 0;
    const char *text = tr_chat_named(name, &n);
    int rc = text ? 0 : tr_read_all(name, &read, &n, err);
    text = text ? text : read;
    struct tr_chat *chat = rc ? NULL : tr_chat_new(name, text, n, err);
    if (!rc && !chat)
        rc = TR_EFORMAT;
    if (!rc)
        rc = tr_amend_set_text(a, "tokenizer.chat_template", (struct tr_str){ text, n },
                               err);
    tr_chat_free(chat);
    free(read);
    return rc;
}

static int take_names(struct tr_amend *a, const char *path, struct tr_err *err)
{
    struct tr_gguf *from = tr_gguf_open(path, err);
    int rc = from ? tr_amend_take_names(a, from, err) : TR_EIO;
    tr_gguf_close(from);
    return rc;
}

/* What goes first, so that its name is free for what comes. */
static int apply(struct tr_amend *a, const struct opts *o, struct tr_err *err)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < o->delete.n; i++)
        rc = tr_amend_delete(a, o->delete.item[i], err);
    for (size_t i = 0; !rc && i < o->rename.n; i++)
        rc = rename_one(a, "rename", o->rename.item[i], tr_amend_rename, err);
    for (size_t i = 0; !rc && i < o->set.n; i++)
        rc = set(a, o->set.item[i], err);
    for (int i = 0; !rc && i < N_FLAG; i++)
        if (o->flag[i] >= 0)
            rc = tr_amend_set(a, flag_key[i], "bool", o->flag[i] ? "false" : "true", err);
    if (!rc && o->tokens)
        rc = tr_amend_add_tokens(a, o->tokens, o->multiple, err);
    if (!rc && o->template)
        rc = set_template(a, o->template, err);
    if (!rc && o->names)
        rc = take_names(a, o->names, err);
    for (size_t i = 0; !rc && i < o->rename_tensor.n; i++)
        rc = rename_one(a, "rename-tensor", o->rename_tensor.item[i],
                        tr_amend_rename_tensor, err);
    return rc;
}

/* ---- what became of it ------------------------------------------------------------ */

/* What a file can be used for. */
struct uses {
    int model, tokenizer;
    struct tr_err no_model, no_tokenizer;
};

static struct uses look(const struct tr_gguf *g)
{
    struct uses u = { 0 };
    struct tr_tokenizer *t = tr_tokenizer_new(g, &u.no_tokenizer);
    u.tokenizer = t != NULL;
    tr_tokenizer_free(t);
    u.model = !tr_model_check(g, &u.no_model);
    return u;
}

static void compare(const struct uses *before, const char *path)
{
    struct tr_err err = { 0 };
    struct tr_gguf *g = strcmp(path, "-") ? tr_gguf_open(path, &err) : NULL;
    if (!g)
        return;
    struct uses after = look(g);
    if (before->model && !after.model)
        cmd_warn("could be used as a model before, and cannot now: %s",
                 after.no_model.text);
    if (before->tokenizer && !after.tokenizer)
        cmd_warn("could be used to tokenize before, and cannot now: %s",
                 after.no_tokenizer.text);
    tr_gguf_close(g);
}

static int edit(const char *path, const struct opts *o, struct tr_err *err)
{
    struct tr_progress progress = cmd_job("B");
    int locked = o->in_place ? tr_amend_lock(path, err) : 0;
    struct tr_gguf *g = locked < 0 ? NULL : tr_gguf_open(path, err);
    struct tr_amend *a = g ? tr_amend_new(g, err) : NULL;
    struct uses before = { 0 };
    int rc = a ? apply(a, o, err) : TR_EIO;
    if (!rc)
        rc = tr_amend_add_history(a, o->history, err);
    if (!rc)
        before = look(g);
    if (!rc)
        rc = o->in_place ? tr_amend_in_place(a, locked, err)
                         : tr_amend_write(a, o->room, &progress, o->output, err);
    tr_amend_free(a);
    tr_gguf_close(g);
    if (locked > 0)
        close(locked);
    if (!rc)
        compare(&before, o->in_place ? path : o->output);
    return rc;
}

static int is_edit(const struct opts *o)
{
    int flags = 0;
    for (int i = 0; i < N_FLAG; i++)
        flags |= o->flag[i] >= 0;
    return flags || o->restore || o->room || o->template || o->names || o->tokens || o->set.n ||
           o->delete.n || o->rename.n || o->rename_tensor.n;
}

int main(int argc, char **argv)
{
    struct opts o = { .flag = { -1, -1, -1, -1 } };
    const struct cmd_opt table[] = {
        CMD_OUT('o', "output", &o.output, "FILE", "where to write what comes of it"),
        CMD_FLAG(0, "in-place", &o.in_place, "change the file itself, if there is room"),
        CMD_FLAG(0, "restore", &o.restore, "undo an edit in place that was cut short"),
        CMD_LIST(0, "set", &o.set, "KEY=TYPE:VALUE", "set a key; may be given again"),
        CMD_LIST(0, "delete", &o.delete, "KEY", "delete a key; may be given again"),
        CMD_LIST(0, "rename", &o.rename, "OLD=NEW", "rename a key; may be given again"),
        CMD_LIST(0, "rename-tensor", &o.rename_tensor, "OLD=NEW",
                 "rename a tensor; may be given again"),
        CMD_IN(0, "copy-names-from", &o.names, "FILE",
               "name the tensors as that file does, one after the other"),
        CMD_IN(0, "add-tokens", &o.tokens, "FILE", "add the tokens of a list, a line each"),
        CMD_INT(0, "rows-of", &o.multiple, 1, 65536, "N",
                "with --add-tokens: let the tables have a multiple of N rows"),
        CMD_IN(0, "chat-template", &o.template, "NAME|FILE", "set the chat template"),
        CMD_CHOICE(0, "add-bos", &o.flag[0], yes_or_no, "WHETHER",
                   "texts begin with the BOS token"),
        CMD_CHOICE(0, "add-eos", &o.flag[1], yes_or_no, "WHETHER",
                   "texts end with the EOS token"),
        CMD_CHOICE(0, "add-sep", &o.flag[2], yes_or_no, "WHETHER",
                   "a SEP token stands between texts"),
        CMD_CHOICE(0, "add-space-prefix", &o.flag[3], yes_or_no, "WHETHER",
                   "texts get a space in front"),
        CMD_SIZE(0, "room", &o.room, "SIZE", "leave this much for keys to come"),
        CMD_NO_HISTORY(&o.no_history),
        CMD_END
    };
    const struct cmd cmd = {
        "gguf-edit", "-o OUT.gguf | --in-place  [options] IN.gguf",
        "change keys and names in a GGUF file", table, 1, 1,
        (const char *const[]){ "output|in-place|restore", NULL }
    };
    struct tr_err err = { 0 };
    int n;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    if (!!o.output + o.in_place + o.restore > 1)
        cmd_usage(&cmd, "'--output', '--in-place' and '--restore' exclude each other");
    if (!is_edit(&o))
        cmd_usage(&cmd, "there is nothing to change");
    if ((o.room || o.tokens) && !o.output)
        cmd_usage(&cmd, "'--%s' goes with '--output'", o.room ? "room" : "add-tokens");
    if (o.multiple && !o.tokens)
        cmd_usage(&cmd, "'--rows-of' goes with '--add-tokens'");
    o.history = cmd_history(&cmd, o.no_history);
    int rc = o.restore ? tr_amend_restore(file[0], &err) : edit(file[0], &o, &err);
    free(o.set.item);
    free(o.delete.item);
    free(o.rename.item);
    free(o.rename_tensor.item);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
