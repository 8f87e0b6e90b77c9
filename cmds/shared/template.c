/* SPDX-License-Identifier: MIT
 *
 * Finding a chat template.  Names go before files, so that a file that lies about does not
 * change what a command line means; ./NAME is the file.
 */
#include "template.h"

#include <libtrain/file.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char main_key[] = "tokenizer.chat_template";

/* ==== the text ==== */

static int take(struct cmd_template *t, const char *text, size_t n, struct tr_err *err)
{
    t->text = malloc(n + 1);
    if (!t->text)
        return tr_err_sys(err, "cannot hold a template of %zu bytes", n);
    memcpy(t->text, text, n);
    t->text[n] = 0;
    t->n = n;
    return 1;
}

/* The template that this key of the model holds: 1, or 0 if there is no such key. */
static int from_key(struct cmd_template *t, const struct tr_gguf *g, const char *key,
                    struct tr_err *err)
{
    struct tr_str s;
    int found = tr_gguf_string(g, key, &s, err);
    return found == 1 ? take(t, s.ptr, s.len, err) : found;
}

static int from_variant(struct cmd_template *t, const struct tr_gguf *g, const char *name,
                        struct tr_err *err)
{
    char key[256];
    if (snprintf(key, sizeof key, "%s.%s", main_key, name) >= (int)sizeof key)
        return 0;
    return from_key(t, g, key, err);
}

/* The names there are, for a failure. */
static void list_names(char *to, size_t size)
{
    size_t n = 0;
    *to = 0;
    for (size_t i = 0; tr_chat_name(i) && n < size; i++)
        n += (size_t)snprintf(to + n, size - n, "%s%s", i ? ", " : "", tr_chat_name(i));
}

static int from_file(struct cmd_template *t, const char *name, struct tr_err *err)
{
    char names[256];
    struct tr_err why = { 0 };
    if (!tr_read_all(name, &t->text, &t->n, &why))
        return 1;
    if (strchr(name, '/') || errno != ENOENT)
        return tr_err_set(err, why.code, "%s", why.text);
    list_names(names, sizeof names);
    return tr_err_set(err, TR_EIO, "'%s' is no variant of the model's template, none of %s, "
                      "and no file", name, names);
}

static int find(struct cmd_template *t, const struct tr_gguf *g, const char *name,
                struct tr_err *err)
{
    size_t n;
    if (!name)
        return from_key(t, g, main_key, err);
    if (!strcmp(name, "none"))
        return 0;
    int found = from_variant(t, g, name, err);
    if (found)
        return found;
    const char *text = tr_chat_named(name, &n);
    return text ? take(t, text, n, err) : from_file(t, name, err);
}

/* ==== variables ==== */

static int out_of_memory(const char *name, struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for '%s'", name);
}

static int set(struct cmd_template *t, const char *name, struct tr_json *value,
               struct tr_err *err)
{
    return !value || tr_json_set(t->args, name, value) ? out_of_memory(name, err) : 0;
}

static int set_token(struct cmd_template *t, const struct tr_tokenizer *tok,
                     const char *name, int32_t id, struct tr_err *err)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    if (id < 0)
        return 0;
    int rc = tr_tokenizer_decode(tok, (uint32_t)id, 0, 1, &text, &n, &cap, err);
    if (!rc)
        rc = set(t, name, tr_json_text(text ? text : "", n), err);
    free(text);
    return rc;
}

static int set_arg(struct cmd_template *t, const char *arg, struct tr_err *err)
{
    char name[128];
    struct tr_err why = { 0 };
    const char *value = strchr(arg, '=');
    if (!value || value == arg || value - arg >= (int)sizeof name)
        return tr_err_set(err, TR_EINVAL, "--template-arg '%s': not NAME=JSON", arg);
    memcpy(name, arg, (size_t)(value - arg));
    name[value++ - arg] = 0;
    if (!strcmp(value, "null"))
        return tr_json_set(t->args, name, NULL) ? out_of_memory(name, err) : 0;
    struct tr_json *v = tr_json_parse(value, strlen(value), name, 0, 0, &why);
    if (!v)
        return tr_err_set(err, TR_EINVAL, "--template-arg %s (text stands in \"quotes\")",
                          why.text);
    return set(t, name, v, err);
}

static int set_args(struct cmd_template *t, const struct tr_tokenizer *tok,
                    const struct cmd_list *arg, struct tr_err *err)
{
    t->args = tr_json_object();
    if (!t->args)
        return out_of_memory("--template-arg", err);
    int rc = set_token(t, tok, "bos_token", tr_tokenizer_bos(tok), err);
    if (!rc)
        rc = set_token(t, tok, "eos_token", tr_tokenizer_eos(tok), err);
    for (size_t i = 0; i < arg->n && !rc; i++)
        rc = set_arg(t, arg->item[i], err);
    return rc;
}

static int set_clock(struct cmd_template *t, struct tr_err *err)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    char *end;
    t->now = (int64_t)time(NULL);
    if (!fixed || !*fixed)
        return 0;
    errno = 0;
    t->now = strtoll(fixed, &end, 10);
    if (errno || *end || end == fixed)
        return tr_err_set(err, TR_EINVAL, "SOURCE_DATE_EPOCH is '%s', not a number of "
                          "seconds", fixed);
    return 0;
}

/* ==== the whole ==== */

int cmd_template_open(struct cmd_template *t, const struct tr_gguf *g,
                      const struct tr_tokenizer *tok, const char *name,
                      const struct cmd_list *arg, struct tr_err *err)
{
    char title[300];
    *t = (struct cmd_template){ 0 };
    int rc = set_args(t, tok, arg, err);
    if (!rc)
        rc = set_clock(t, err);
    if (!rc)
        rc = find(t, g, name, err);
    if (rc == 1) {
        snprintf(title, sizeof title, "%s", name ? name : "chat template of the model");
        t->chat = tr_chat_new(title, t->text, t->n, err);
        rc = t->chat ? 0 : -1;
    }
    if (rc)
        cmd_template_release(t);
    return rc;
}

void cmd_template_release(struct cmd_template *t)
{
    tr_chat_free(t->chat);
    tr_json_free(t->args);
    free(t->text);
    *t = (struct cmd_template){ 0 };
}

int cmd_template_missing(const char *model, const struct tr_err *why, struct tr_err *err)
{
    char names[256];
    struct tr_err old = *err;
    list_names(names, sizeof names);
    *err = (struct tr_err){ 0 };
    if (why->code)
        return tr_err_set(err, why->code, "%s (--chat-template NAME or FILE is another)",
                          why->text);
    return tr_err_set(err, old.code, "%s in '%s': --chat-template gives it one, by name (%s) "
                      "or as a file", old.text, model, names);
}
