/* SPDX-License-Identifier: MIT
 *
 * What is asked and what answers it: {"prompt": …, "completion": …}, each a text or a list
 * of messages.  Two texts are a question and its answer for a model with a chat template,
 * since that is how it will be asked; without one they are one text, of which the second
 * part counts.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static int looks(const struct tr__reading *r)
{
    return tr__column(r, "prompt") && tr__column(r, "completion");
}

static int add_part(struct tr__reading *r, struct tr_json *messages, const char *key,
                    const char *role)
{
    const struct tr_json *v = tr__column(r, key);
    if (tr_json_kind(v) == TR_JSON_STRING)
        return tr__chat_add(r, messages, role, v) ? 0 : -1;
    return tr__chat_add_list(r, messages, v, key);
}

static int texts(struct tr__reading *r, const char *answer)
{
    const char *prompt, *completion, *system = "";
    size_t n_prompt, n_completion, n_system = 0;
    r->row->answers = 1;
    if (tr__column_string(r, "prompt", &prompt, &n_prompt) ||
        tr__column_string(r, answer, &completion, &n_completion) ||
        (tr__column(r, "system") && tr__column_string(r, "system", &system, &n_system)))
        return -1;
    if (n_system)
        prompt = tr__joined(r, system, n_system, "\n\n", prompt, n_prompt, &n_prompt);
    if (!prompt)
        return -1;
    return tr__segment_text(r, prompt, n_prompt, 0) ||
           tr__segment_text(r, completion, n_completion, 1) ? -1 : 0;
}

int tr__prompt_and(struct tr__reading *r, const char *answer)
{
    enum tr_json_kind p = tr_json_kind(tr__column(r, "prompt"));
    enum tr_json_kind a = tr_json_kind(tr__column(r, answer));
    struct tr_json *messages;
    if (p != TR_JSON_STRING && p != TR_JSON_ARRAY)
        return tr__bad_column(r, "prompt", "a string or a list of messages");
    if (a != TR_JSON_STRING && a != TR_JSON_ARRAY)
        return tr__bad_column(r, answer, "a string or a list of messages");
    if (p == TR_JSON_STRING && a == TR_JSON_STRING && !r->o->chat)
        return texts(r, answer);
    if (!tr__chat_begin(r, &messages) ||
        tr__chat_add_system(r, messages, tr__column(r, "prompt")) ||
        add_part(r, messages, "prompt", "user"))
        return -1;
    r->row->completion = tr_json_count(messages);
    return add_part(r, messages, answer, "assistant");
}

static int parse(struct tr__reading *r)
{
    return tr__prompt_and(r, "completion");
}

const struct tr__row_form tr__row_prompt = { "prompt", "prompt, completion", looks, parse };
