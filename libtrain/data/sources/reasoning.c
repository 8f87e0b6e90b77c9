/* SPDX-License-Identifier: MIT
 *
 * Rows of reasoning, {"question": …, "think": …, "output": …}.  The thinking stands in
 * front of the answer between <think> and </think>, as models that think write it:
 * templates that know a field for it take it from there, the others leave it where it is.
 */
#include <libtrain/data/sources/rows.h>

static int looks(const struct tr__reading *r)
{
    return tr__column(r, "question") && tr__column(r, "output");
}

static char *answer(struct tr__reading *r, size_t *n)
{
    static const char open[] = "<think>\n", close[] = "\n</think>\n\n";
    const char *think = "", *output;
    size_t n_think = 0, n_output;
    if (tr__column_string(r, "output", &output, &n_output) ||
        (tr__column(r, "think") && tr__column_string(r, "think", &think, &n_think)))
        return NULL;
    if (!n_think)
        return tr__joined(r, output, n_output, "", "", 0, n);
    char *text = tr__joined(r, open, sizeof open - 1, "", think, n_think, n);
    text = text ? tr__joined(r, text, *n, "", close, sizeof close - 1, n) : NULL;
    return text ? tr__joined(r, text, *n, "", output, n_output, n) : NULL;
}

static int as_text(struct tr__reading *r, const char *question, size_t n_question,
                   const char *text, size_t n)
{
    size_t n_prompt;
    char *prompt = tr__joined(r, question, n_question, "", "\n\n", 2, &n_prompt);
    r->row->answers = 1;
    return !prompt || tr__segment_text(r, prompt, n_prompt, 0) ||
           tr__segment_text(r, text, n, 1) ? -1 : 0;
}

static int parse(struct tr__reading *r)
{
    const char *question;
    size_t n_question, n;
    struct tr_json *messages;
    if (tr__column_string(r, "question", &question, &n_question))
        return -1;
    char *text = answer(r, &n);
    if (!text)
        return -1;
    if (!r->o->chat)
        return as_text(r, question, n_question, text, n);
    if (!tr__chat_begin(r, &messages) || tr__chat_add_system(r, messages, NULL) ||
        !tr__chat_add_text(r, messages, "user", question, n_question))
        return -1;
    r->row->completion = tr_json_count(messages);
    return tr__chat_add_text(r, messages, "assistant", text, n) ? 0 : -1;
}

const struct tr__row_form tr__row_reasoning = { "reasoning", "question, think, output",
                                                looks, parse };
