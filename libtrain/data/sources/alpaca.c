/* SPDX-License-Identifier: MIT
 *
 * Rows of instructions, {"instruction": …, "input": …, "output": …}: messages for a model
 * with a chat template, and for one without it the prompt that Stanford's Alpaca was
 * trained with (https://github.com/tatsu-lab/stanford_alpaca), since models and other
 * programs know that.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

#define BELOW "Below is an instruction that describes a task"
#define WRITE "Write a response that appropriately completes the request."

static int looks(const struct tr__reading *r)
{
    return tr__column(r, "instruction") && tr__column(r, "output");
}

struct parts {
    const char *instruction, *input, *output, *system;
    size_t n_instruction, n_input, n_output, n_system;
};

static int read_parts(struct tr__reading *r, struct parts *p)
{
    *p = (struct parts){ .input = "", .system = "" };
    if (tr__column_string(r, "instruction", &p->instruction, &p->n_instruction) ||
        tr__column_string(r, "output", &p->output, &p->n_output))
        return -1;
    if (tr__column(r, "input") && tr__column_string(r, "input", &p->input, &p->n_input))
        return -1;
    return tr__column(r, "system")
               ? tr__column_string(r, "system", &p->system, &p->n_system) : 0;
}

static int as_messages(struct tr__reading *r, const struct parts *p)
{
    struct tr_json *messages;
    size_t n;
    char *ask = tr__joined(r, p->instruction, p->n_instruction, "\n\n", p->input,
                           p->n_input, &n);
    if (!ask || !tr__chat_begin(r, &messages))
        return -1;
    if (p->n_system && !tr__chat_add_text(r, messages, "system", p->system, p->n_system))
        return -1;
    if (!tr__chat_add_text(r, messages, "user", ask, n))
        return -1;
    r->row->completion = tr_json_count(messages);
    return tr__chat_add_text(r, messages, "assistant", p->output, p->n_output) ? 0 : -1;
}

static int as_text(struct tr__reading *r, const struct parts *p)
{
    static const char without[] = BELOW ". " WRITE;
    static const char with[] = BELOW ", paired with an input that provides further "
                               "context. " WRITE;
    const char *system = p->n_system ? p->system : p->n_input ? with : without;
    size_t n_system = p->n_system ? p->n_system : strlen(system), n, m;
    char *ask = tr__joined(r, p->instruction, p->n_instruction, "\n\n### Input:\n",
                           p->input, p->n_input, &n);
    char *head = ask ? tr__joined(r, system, n_system, "\n\n### Instruction:\n", ask, n, &m)
                     : NULL;
    char *prompt = head ? tr__joined(r, head, m, "", "\n\n### Response:\n", 16, &n) : NULL;
    r->row->answers = 1;
    if (!prompt)
        return -1;
    return tr__segment_text(r, prompt, n, 0) ||
           tr__segment_text(r, p->output, p->n_output, 1) ? -1 : 0;
}

static int parse(struct tr__reading *r)
{
    struct parts p;
    if (read_parts(r, &p))
        return -1;
    return r->o->chat ? as_messages(r, &p) : as_text(r, &p);
}

const struct tr__row_form tr__row_alpaca = { "alpaca", "instruction, output", looks,
                                             parse };
