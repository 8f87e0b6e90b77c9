/* SPDX-License-Identifier: MIT
 *
 * Two answers of which one is better, {"prompt": …, "chosen": …, "rejected": …}, or one answer
 * and whether it is good, {"prompt": …, "completion": …, "label": true}.  The better answer is
 * what supervised training wants; who compares the two has the row itself.
 */
#include <libtrain/data/sources/rows.h>

#include <string.h>

static int looks(const struct tr__reading *r)
{
    return (tr__column(r, "chosen") && tr__column(r, "rejected")) ||
           (tr__column(r, "prompt") && tr__column(r, "completion") &&
            tr_json_kind(tr__column(r, "label")) == TR_JSON_BOOL);
}

/* Without a prompt both answers are whole chats that differ in the end. */
static int whole_chat(struct tr__reading *r)
{
    const struct tr_json *chosen = tr__column(r, "chosen");
    struct tr_json *messages;
    if (tr_json_kind(chosen) != TR_JSON_ARRAY || tr_json_count(chosen) == 0)
        return tr__bad_column(r, "chosen", "a list of messages, since there is no prompt");
    r->row->completion = tr_json_count(chosen) - 1;
    return tr__chat_begin(r, &messages) ? tr__chat_add_list(r, messages, chosen, "chosen") : -1;
}

static int parse(struct tr__reading *r)
{
    r->row->preference = r->root;
    if (!looks(r))
        return tr_err_set(r->err, TR_EFORMAT, "neither chosen and rejected nor a label of true "
                          "or false");
    if (!tr__column(r, "chosen"))
        return tr__prompt_and(r, "completion");
    return tr__column(r, "prompt") ? tr__prompt_and(r, "chosen") : whole_chat(r);
}

const struct tr__row_form tr__row_preference = { "preference", "chosen, rejected", looks, parse };
