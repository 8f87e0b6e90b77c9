/* SPDX-License-Identifier: MIT
 *
 * A chat as OpenAI's interface has it: {"messages": [{"role": …, "content": …}, …]}.
 * Roles, tool calls, content in parts or none at all go to the template as they are: it
 * decides.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static int looks(const struct tr__reading *r)
{
    return tr_json_kind(tr__column(r, "messages")) == TR_JSON_ARRAY;
}

/* The row is what a template wants, but for other names of columns, tools as text, and a
 * system prompt beside the messages. */
static int is_as_wanted(const struct tr__reading *r)
{
    return tr_json_get(r->root, "messages") == tr__column(r, "messages") &&
           tr_json_kind(tr_json_get(r->root, "tools")) != TR_JSON_STRING &&
           !tr__column(r, "system");
}

static int parse(struct tr__reading *r)
{
    const struct tr_json *list = tr__column(r, "messages");
    struct tr_json *messages;
    if (!looks(r))
        return tr__bad_column(r, "messages", "a list");
    if (tr__is_turns(list))
        return tr__turns(r, "messages");
    if (!is_as_wanted(r))
        return !tr__chat_begin(r, &messages) || tr__chat_add_system(r, messages, list) ||
               tr__chat_add_list(r, messages, list, "messages") ? -1 : 0;
    r->row->kind = TR_ROW_CHAT;
    r->row->chat = r->root;
    return tr__chat_check(r, list, "messages");
}

const struct tr__row_form tr__row_messages = { "messages", "messages", looks, parse };
