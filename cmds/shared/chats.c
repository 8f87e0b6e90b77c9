/* SPDX-License-Identifier: MIT
 *
 * Chats, rendered by a template as they are for a training, so that what is generated goes
 * on from what was learned.  Next: prompts.c.
 */
#include "chats.h"

#include <libtrain/file.h>

#include <stdlib.h>
#include <string.h>

int cmd_chat_template(struct cmd_template *t, const struct tr_gguf *g,
                      const struct tr_tokenizer *tok, const char *name,
                      const struct cmd_list *arg, struct tr_err *err)
{
    struct tr_err none = { 0 };
    int rc = cmd_template_open(t, g, tok, name, arg, err);
    if (rc || t->chat)
        return rc;
    tr_err_set(err, TR_EFORMAT, "there is no chat template");
    return cmd_template_missing(tr_gguf_path(g), &none, err);
}

int cmd_chat_template_text(struct cmd_template *t, const struct tr_model *m,
                           const char *name, const char **text, struct tr_err *err)
{
    static const struct cmd_list none;
    const struct tr_gguf *g = tr_model_gguf(m);
    *text = NULL;
    if (!name)
        return 0;
    struct tr_tokenizer *tok = tr_tokenizer_new(g, err);
    int rc = tok ? cmd_template_open(t, g, tok, name, &none, err) : err->code;
    tr_tokenizer_free(tok);
    if (!rc && t->text && strlen(t->text) < t->n)
        rc = tr_err_set(err, TR_EFORMAT, "chat template '%s': a NUL in it", name);
    *text = rc ? NULL : t->text;
    return rc;
}

/* ==== one chat ==== */

static int out_of_memory(struct tr_err *err)
{
    return tr_err_set(err, TR_ENOMEM, "out of memory for a chat");
}

static int is_text(const struct tr_json *v, const char *text)
{
    return !strcmp(tr_json_string(v, NULL), text);
}

/* An object that the template takes: what the chat says, and how it goes on. */
static struct tr_json *make_row(const struct tr_json *chat, struct tr_err *err)
{
    int bare = tr_json_kind(chat) == TR_JSON_ARRAY, rc = 0;
    const struct tr_json *messages = bare ? chat : tr_json_get(chat, "messages");
    size_t n = tr_json_count(messages);
    if (tr_json_kind(messages) != TR_JSON_ARRAY || !n) {
        tr_err_set(err, TR_EFORMAT, "a chat is an array of messages, or an object with "
                   "such an array, \"messages\"");
        return NULL;
    }
    struct tr_json *row = tr_json_object();
    struct tr_json_each e = tr_json_each(bare ? NULL : chat);
    rc = !row || (bare && tr_json_set(row, "messages", tr_json_share(messages)));
    while (!rc && tr_json_next(&e))
        rc = tr_json_set(row, e.key, tr_json_share(e.value));
    const struct tr_json *role = tr_json_get(tr_json_at(messages, n - 1), "role");
    const char *on = is_text(role, "assistant") ? "continue_final_message"
                                                : "add_generation_prompt";
    if (!rc && !tr_json_has(row, "add_generation_prompt") &&
        !tr_json_has(row, "continue_final_message"))
        rc = tr_json_set(row, on, tr_json_truth(1));
    if (!rc)
        return row;
    tr_json_free(row);
    out_of_memory(err);
    return NULL;
}

/* What came from the data, as the tokenizer has ranges. */
static struct tr_text_range *literal_of(const struct tr_chat_text *t)
{
    struct tr_text_range *literal = calloc(t->n_data + 1, sizeof *literal);
    for (size_t i = 0; literal && i < t->n_data; i++)
        literal[i] = (struct tr_text_range){ t->data[i].start, t->data[i].end };
    return literal;
}

/* One BOS in front if there is to be one, whoever wrote it. */
static void keep_one_bos(const struct tr_tokenizer *tok, struct tr_tokens *ids)
{
    uint32_t bos = (uint32_t)tr_tokenizer_bos(tok);
    size_t n = 0;
    while (n < ids->n && ids->id[n] == bos)
        n++;
    if (n < 2)
        return;
    memmove(ids->id, ids->id + n - 1, (ids->n - n + 1) * sizeof *ids->id);
    ids->n -= n - 1;
}

int cmd_chat_encode(const struct cmd_template *t, const struct tr_json *chat,
                    const struct tr_tokenizer *tok, struct tr_tokens *ids,
                    struct tr_err *err)
{
    struct tr_chat_text text = { 0 };
    struct tr_json *row = make_row(chat, err);
    if (!row)
        return err->code;
    int rc = tr_chat_render(t->chat, row, t->args, t->now, &text, err);
    struct tr_text_range *literal = rc ? NULL : literal_of(&text);
    if (!rc && !literal)
        rc = out_of_memory(err);
    if (!rc)
        rc = tr_tokenizer_encode_ranges(
            tok, text.text, text.n,
            TR_ENCODE_SPECIAL | (tr_tokenizer_around(tok) & TR_ENCODE_BOS), literal,
            text.n_data, ids, NULL, err);
    if (!rc && tr_tokenizer_bos(tok) >= 0)
        keep_one_bos(tok, ids);
    if (!rc && !ids->n)
        rc = tr_err_set(err, TR_EFORMAT, "a chat of which the template makes nothing");
    free(literal);
    tr_chat_text_release(&text);
    tr_json_free(row);
    return rc;
}

int cmd_chat_ask(const struct cmd_template *t, const char *text,
                 const struct tr_tokenizer *tok, struct tr_tokens *ids, struct tr_err *err)
{
    struct tr_json *chat = tr_json_array(), *message = tr_json_object();
    int rc = !chat || !message || tr_json_set(message, "role", tr_json_text("user", 4)) ||
             tr_json_set(message, "content", tr_json_text(text, strlen(text)));
    if (rc)
        tr_json_free(message);
    else
        rc = tr_json_append(chat, message);
    rc = rc ? out_of_memory(err) : cmd_chat_encode(t, chat, tok, ids, err);
    tr_json_free(chat);
    return rc;
}

/* ==== a file of chats ==== */

struct reader {
    const char *name;
    int (*each)(void *ctx, const struct tr_json *chat, struct tr_err *err);
    void *ctx;
};

static int read_one(const struct reader *r, const char *text, size_t n, uint64_t line,
                    uint64_t at, struct tr_err *err)
{
    struct tr_json *chat = tr_json_parse(text, n, r->name, line, at, err);
    if (!chat)
        return err->code;
    int rc = r->each(r->ctx, chat, err);
    if (rc)
        tr_err_prefix(err, "'%s' line %llu", r->name, (unsigned long long)line);
    tr_json_free(chat);
    return rc;
}

static int is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r", text[i]))
            return 0;
    return 1;
}

/* Whether the file is one value a line: the first line that is not blank is whole. */
static int is_by_line(const char *text, size_t n)
{
    struct tr_err unused = { 0 };
    const char *end;
    while ((end = memchr(text, '\n', n)) && is_blank(text, (size_t)(end - text))) {
        n -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    struct tr_json *v = tr_json_parse(text, end ? (size_t)(end - text) : n, "", 1, 0, &unused);
    tr_json_free(v);
    return v != NULL;
}

static int read_lines(const struct reader *r, const char *text, size_t n,
                      struct tr_err *err)
{
    uint64_t line = 1;
    int rc = 0;
    for (size_t at = 0, next; !rc && at < n; at = next + 1, line++) {
        const char *end = memchr(text + at, '\n', n - at);
        next = end ? (size_t)(end - text) : n;
        if (!is_blank(text + at, next - at))
            rc = read_one(r, text + at, next - at, line, at, err);
    }
    return rc;
}

int cmd_chats_each(const char *path,
                   int (*each)(void *ctx, const struct tr_json *chat, struct tr_err *err),
                   void *ctx, struct tr_err *err)
{
    struct reader r = { strcmp(path, "-") ? path : "standard input", each, ctx };
    char *whole = NULL;
    size_t n = 0;
    int rc = tr_read_all(path, &whole, &n, err);
    int mark = !rc && n >= 3 && !memcmp(whole, "\xef\xbb\xbf", 3) ? 3 : 0;
    const char *text = whole + mark;
    n -= (size_t)mark;
    if (!rc)
        rc = is_by_line(text, n) ? read_lines(&r, text, n, err)
                                 : read_one(&r, text, n, 1, 0, err);
    free(whole);
    return rc;
}
