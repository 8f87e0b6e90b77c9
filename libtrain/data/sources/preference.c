/* SPDX-License-Identifier: MIT
 *
 * Two answers of which one is better, {"prompt": …, "chosen": …, "rejected": …}, or one
 * answer and whether it is good, {"prompt": …, "completion": …, "label": true}.  The better
 * answer is what supervised training wants, and nothing of one that is not good.  Training
 * by comparison wants both, and takes {…, "reward": 0.7} for how good an answer is.
 */
#include <libtrain/data/sources/rows.h>

#include <math.h>
#include <string.h>

/* For a reward of 0, since what weighs 0 is not there. */
static const float NOTHING = 1e-30f;

static int is_number(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_INT || tr_json_kind(v) == TR_JSON_REAL;
}

static int looks(const struct tr__reading *r)
{
    return (tr__column(r, "chosen") && tr__column(r, "rejected")) ||
           (tr__column(r, "prompt") && tr__column(r, "completion") &&
            (tr_json_kind(tr__column(r, "label")) == TR_JSON_BOOL ||
             (r->o->preference && (tr__column(r, "label") || tr__column(r, "reward")))));
}

/* Both answers are whole chats that differ in the end. */
static int whole_chat(struct tr__reading *r, const char *answer)
{
    const struct tr_json *chosen = tr__column(r, answer);
    struct tr_json *messages;
    if (tr_json_kind(chosen) != TR_JSON_ARRAY || tr_json_count(chosen) == 0)
        return tr__bad_column(r, answer, "a list of messages, since there is no prompt");
    r->row->completion = tr_json_count(chosen) - 1;
    return tr__chat_begin(r, &messages)
               ? tr__chat_add_list(r, messages, chosen, answer) : -1;
}

/* The prompt is repeated as the first message of the answer. */
static int holds_prompt(const struct tr__reading *r, const char *answer)
{
    const struct tr_json *prompt = tr__column(r, "prompt");
    const struct tr_json *chosen = tr__column(r, answer);
    if (tr_json_kind(prompt) != TR_JSON_STRING || tr_json_count(chosen) < 2)
        return 0;
    const struct tr_json *first = tr_json_get(tr_json_at(chosen, 0), "content");
    size_t n, m;
    const char *a = tr_json_string(prompt, &n), *b = tr_json_string(first, &m);
    return n == m && !memcmp(a, b, n);
}

/* How good the answer is, in the row. */
static int read_sign(struct tr__reading *r)
{
    const struct tr_json *label = tr__column(r, "label"), *reward = tr__column(r, "reward");
    int is_bool = tr_json_kind(label) == TR_JSON_BOOL;
    double x = is_bool            ? tr_json_bool(label)
               : is_number(label) ? tr_json_real(label)
               : is_number(reward) ? tr_json_real(reward) : (double)NAN;
    if (label && !is_bool && !(is_number(label) && (x == 0 || x == 1)))
        return tr__bad_column(r, "label", "true or false, 1 or 0");
    if (label)
        x = x > 0 ? 1 : -1;
    if (!(x >= -1e6 && x <= 1e6))
        return tr__bad_column(r, "reward", "a number from -1000000 to 1000000");
    r->row->has_sign = 1;
    r->row->sign = x == 0 ? NOTHING : (float)x;
    return 0;
}

static int parse(struct tr__reading *r)
{
    const char *answer = r->rival ? "rejected" : "chosen";
    if (!looks(r))
        return tr_err_set(r->err, TR_EFORMAT, "neither chosen and rejected nor a label of "
                          "true or false%s", r->o->preference ? " nor a reward" : "");
    r->row->has_rival = r->o->preference && tr__column(r, "chosen");
    if (tr__column(r, "chosen"))
        return tr__column(r, "prompt") && !holds_prompt(r, answer) ? tr__prompt_and(r, answer)
                                                                   : whole_chat(r, answer);
    if (r->o->preference && read_sign(r))
        return -1;
    if (!r->o->preference && !tr_json_bool(tr__column(r, "label")))
        r->row->weight = 0;
    return tr__prompt_and(r, "completion");
}

const struct tr__row_form tr__row_preference = { "preference", "chosen, rejected", looks,
                                                 parse };
