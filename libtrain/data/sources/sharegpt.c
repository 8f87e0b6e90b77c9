/* SPDX-License-Identifier: MIT
 *
 * A chat as ShareGPT keeps it: {"conversations": [{"from": "human", "value": …}, …]}.  Who
 * speaks has other names there.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static const struct { const char *from, *role; } roles[] = {
    { "human", "user" },        { "user", "user" },         { "gpt", "assistant" },
    { "assistant", "assistant" }, { "model", "assistant" }, { "chatgpt", "assistant" },
    { "bot", "assistant" },     { "system", "system" },     { "tool", "tool" },
    { "observation", "tool" },  { "function_response", "tool" },
};

static int looks(const struct tr__reading *r)
{
    return tr_json_kind(tr__column(r, "conversations")) == TR_JSON_ARRAY;
}

static const char *role_of(const struct tr_json *turn)
{
    const char *from = tr_json_string(tr_json_get(turn, "from"), NULL);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(roles[i].from, from))
            return roles[i].role;
    return NULL;
}

static int add_turn(struct tr__reading *r, struct tr_json *messages, size_t i,
                    const struct tr_json *turn)
{
    static const char *const kept[] = { "train", "weight" };
    const struct tr_json *value = tr_json_get(turn, "value");
    const char *role = role_of(turn);
    if (!role)
        return tr_err_set(r->err, TR_EFORMAT, "turn %zu is from '%s', which is none of human, "
                          "gpt, system, tool", i + 1,
                          tr_json_string(tr_json_get(turn, "from"), NULL));
    if (tr_json_kind(value) != TR_JSON_STRING)
        return tr_err_set(r->err, TR_EFORMAT, "turn %zu has no text as 'value'", i + 1);
    if (tr__chat_add(r, messages, role, value))
        return -1;
    struct tr_json *new = (struct tr_json *)tr_json_at(messages, i);
    for (size_t k = 0; k < 2; k++)
        if (tr_json_get(turn, kept[k]) &&
            tr_json_set(new, kept[k], tr_json_share(tr_json_get(turn, kept[k]))))
            return tr__no_memory(r);
    return 0;
}

static int parse(struct tr__reading *r)
{
    const struct tr_json *list = tr__column(r, "conversations");
    struct tr_json *messages;
    int rc = 0;
    if (!looks(r))
        return tr__bad_column(r, "conversations", "a list");
    if (tr_json_count(list) == 0)
        return tr_err_set(r->err, TR_EFORMAT, "a chat without turns");
    if (tr_json_get(tr_json_at(list, 0), "role")) { /* the column's name alone */
        return tr__chat_begin(r, &messages)
                   ? tr__chat_add_list(r, messages, list, "conversations") : -1;
    }
    if (!tr__chat_begin(r, &messages))
        return -1;
    for (size_t i = 0; i < tr_json_count(list) && !rc; i++)
        rc = add_turn(r, messages, i, tr_json_at(list, i));
    return rc;
}

const struct tr__row_form tr__row_sharegpt = { "sharegpt", "conversations", looks, parse };
