/* SPDX-License-Identifier: MIT
 *
 * A chat as OpenAI's interface has it: {"messages": [{"role": …, "content": …}, …]}.  Roles,
 * tool calls and content in parts go to the template as they are.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static int looks(const struct tr__reading *r)
{
    return tr_json_kind(tr__column(r, "messages")) == TR_JSON_ARRAY;
}

/* The row itself is what a template wants, unless its columns have other names. */
static int parse(struct tr__reading *r)
{
    const struct tr_json *list = tr__column(r, "messages");
    struct tr_json *messages;
    if (!looks(r))
        return tr__bad_column(r, "messages", "a list");
    if (tr_json_count(list) == 0)
        return tr_err_set(r->err, TR_EFORMAT, "a chat without messages");
    for (size_t i = 0; i < tr_json_count(list); i++)
        if (tr_json_kind(tr_json_at(list, i)) != TR_JSON_OBJECT)
            return tr_err_set(r->err, TR_EFORMAT, "message %zu is no object", i + 1);
    r->row->kind = TR_ROW_CHAT;
    r->row->chat = r->root;
    if (tr_json_get(r->root, "messages") == list &&
        tr_json_kind(tr_json_get(r->root, "tools")) != TR_JSON_STRING)
        return 0;
    return tr__chat_begin(r, &messages) ? tr__chat_add_list(r, messages, list, "messages") : -1;
}

const struct tr__row_form tr__row_messages = { "messages", "messages", looks, parse };
