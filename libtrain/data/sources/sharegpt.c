/* SPDX-License-Identifier: MIT
 *
 * A chat as ShareGPT keeps it: {"conversations": [{"from": "human", "value": …}, …]}, with
 * a "system" prompt beside it where there is one.  Who speaks has other names there.
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

int tr__is_turns(const struct tr_json *list)
{
    const struct tr_json *first = tr_json_count(list) ? tr_json_at(list, 0) : NULL;
    return tr_json_has(first, "from") && !tr_json_get(first, "role");
}

static const char *role_of(const char *from)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(roles[i].from, from))
            return roles[i].role;
    return NULL;
}

static int keep(struct tr__reading *r, struct tr_json *message, const struct tr_json *turn)
{
    static const char *const kept[] = { "train", "weight" };
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
        const struct tr_json *v = tr_json_get(turn, kept[k]);
        if (v && tr_json_set(message, kept[k], tr_json_share(v)))
            return tr__no_memory(r);
    }
    return 0;
}

/* {"name": …, "arguments": …}, or a list of these, as text of JSON: OpenAI's tool_calls. */
static struct tr_json *read_calls(struct tr__reading *r, const struct tr_json *value,
                                  size_t i)
{
    size_t n;
    const char *text = tr_json_string(value, &n);
    struct tr_err why = { 0 };
    struct tr_json *v = tr_json_parse(text, n, "value", 0, 0, &why);
    enum tr_json_kind kind = tr_json_kind(v);
    if (kind == TR_JSON_OBJECT || kind == TR_JSON_ARRAY)
        return v;
    tr_err_set(r->err, v ? TR_EFORMAT : why.code, "turn %zu, a call of a function: %s",
               i + 1, v ? "neither an object nor a list" : why.text);
    tr_json_free(v);
    return NULL;
}

static int add_call(struct tr__reading *r, struct tr_json *list, const struct tr_json *call)
{
    struct tr_json *o = tr_json_object();
    if (!o || tr_json_set(o, "type", tr_json_text("function", 8)) ||
        tr_json_set(o, "function", tr_json_share(call))) {
        tr_json_free(o);
        return tr__no_memory(r);
    }
    return tr_json_append(list, o) ? tr__no_memory(r) : 0;
}

static int set_calls(struct tr__reading *r, struct tr_json *message,
                     const struct tr_json *calls)
{
    struct tr_json *list = tr_json_array();
    if (!list || tr_json_set(message, "tool_calls", list))
        return tr__no_memory(r);
    if (tr_json_kind(calls) == TR_JSON_OBJECT)
        return add_call(r, list, calls);
    for (size_t i = 0; i < tr_json_count(calls); i++)
        if (add_call(r, list, tr_json_at(calls, i)))
            return -1;
    return 0;
}

static int add_calls(struct tr__reading *r, struct tr_json *messages, size_t i,
                     const struct tr_json *turn)
{
    struct tr_json *calls = read_calls(r, tr_json_get(turn, "value"), i);
    struct tr_json *new = calls ? tr__chat_add_text(r, messages, "assistant", "", 0) : NULL;
    int rc = new && !set_calls(r, new, calls) ? keep(r, new, turn) : -1;
    tr_json_free(calls);
    return rc;
}

static int add_turn(struct tr__reading *r, struct tr_json *messages, size_t i,
                    const struct tr_json *turn)
{
    const char *from = tr_json_string(tr_json_get(turn, "from"), NULL);
    const struct tr_json *value = tr_json_get(turn, "value");
    int call = !strcmp(from, "function_call");
    const char *role = call ? "assistant" : role_of(from);
    if (!role)
        return tr_err_set(r->err, TR_EFORMAT, "turn %zu is from '%s', which is none of "
                          "human, gpt, system, tool", i + 1, from);
    if (tr_json_kind(value) != TR_JSON_STRING)
        return tr_err_set(r->err, TR_EFORMAT, "turn %zu has no text as 'value'", i + 1);
    if (call)
        return add_calls(r, messages, i, turn);
    struct tr_json *new = tr__chat_add(r, messages, role, value);
    return new ? keep(r, new, turn) : -1;
}

int tr__turns(struct tr__reading *r, const char *key)
{
    const struct tr_json *list = tr__column(r, key);
    struct tr_json *messages;
    int system = !strcmp(tr_json_string(tr_json_get(tr_json_at(list, 0), "from"), NULL),
                         "system");
    if (!tr__chat_begin(r, &messages) ||
        (!system && tr__chat_add_system(r, messages, list)))
        return -1;
    for (size_t i = 0; i < tr_json_count(list); i++)
        if (add_turn(r, messages, i, tr_json_at(list, i)))
            return -1;
    return 0;
}

static int parse(struct tr__reading *r)
{
    const struct tr_json *list = tr__column(r, "conversations");
    struct tr_json *messages;
    if (!looks(r))
        return tr__bad_column(r, "conversations", "a list");
    if (tr_json_count(list) == 0)
        return tr_err_set(r->err, TR_EFORMAT, "a chat without turns");
    if (tr_json_get(tr_json_at(list, 0), "role")) /* the column's name alone */
        return !tr__chat_begin(r, &messages) || tr__chat_add_system(r, messages, list) ||
               tr__chat_add_list(r, messages, list, "conversations") ? -1 : 0;
    return tr__turns(r, "conversations");
}

const struct tr__row_form tr__row_sharegpt = { "sharegpt", "conversations", looks, parse };
