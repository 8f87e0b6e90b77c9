/* SPDX-License-Identifier: MIT
 *
 * Which bytes of a rendered chat are trained.  Messages are chosen by role and by what they
 * say of themselves; where their bytes stand is known from {% generation %} blocks of the
 * template, else from renderings of the first messages alone (chat.h), and never by looking
 * for texts.  Read next: prepare.c, what becomes of a message whose bytes are not known.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/prepare_row.h>

#include <string.h>

/* ---- --train-on ------------------------------------------------------------------- */

int tr__train_on_parse(const char *text, struct tr__train_on *on, struct tr_err *err)
{
    static const struct { const char *name; enum tr__train_rule rule; } rules[] = {
        { "completion", TR__TRAIN_COMPLETION }, { "assistant", TR__TRAIN_ASSISTANT },
        { "last", TR__TRAIN_LAST }, { "all", TR__TRAIN_ALL },
    };
    *on = (struct tr__train_on){ text ? TR__TRAIN_ROLES : TR__TRAIN_DEFAULT, text };
    if (!text)
        return 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(text, rules[i].name))
            on->rule = rules[i].rule;
    size_t n = strlen(text);
    if (!n || text[0] == ',' || text[n - 1] == ',' || strstr(text, ",,"))
        return tr_err_set(err, TR_EINVAL, "'%s' is no list of roles", text);
    return 0;
}

static int in_list(const char *list, const char *name, size_t n)
{
    for (const char *p = list;; p++) {
        size_t len = strcspn(p, ",");
        if (len == n && !memcmp(p, name, n))
            return 1;
        p += len;
        if (!*p)
            return 0;
    }
}

/* ---- messages --------------------------------------------------------------------- */

static int has_role(const struct tr_json *message, const char *list)
{
    const struct tr_json *role = tr_json_get(message, "role");
    size_t n;
    if (!role || tr_json_kind(role) != TR_JSON_STRING)
        return 0;
    const char *name = tr_json_string(role, &n);
    return in_list(list, name, n);
}

static size_t last_assistant(const struct tr_json *messages)
{
    size_t i = tr_json_count(messages);
    while (i-- > 0)
        if (has_role(tr_json_at(messages, i), "assistant"))
            return i;
    return SIZE_MAX;
}

/* By the rule alone. */
static int chosen(const struct tr_preparer *w, const struct tr_row *row,
                  const struct tr_json *messages, size_t i)
{
    int assistant = has_role(tr_json_at(messages, i), "assistant");
    enum tr__train_rule rule = w->on.rule;
    if (rule == TR__TRAIN_DEFAULT)
        rule = row->completion == TR_ROW_NO_COMPLETION ? TR__TRAIN_ASSISTANT
                                                       : TR__TRAIN_COMPLETION;
    if (rule == TR__TRAIN_COMPLETION && row->completion != TR_ROW_NO_COMPLETION)
        return assistant && i >= row->completion;
    if (rule == TR__TRAIN_COMPLETION || rule == TR__TRAIN_LAST)
        return i == last_assistant(messages);
    if (rule == TR__TRAIN_ROLES)
        return has_role(tr_json_at(messages, i), w->on.roles);
    return rule == TR__TRAIN_ALL || assistant;
}

/* What the message says of itself: "train": false or true, "weight": a number. */
static int own_wish(const struct tr_json *message, size_t i, unsigned char *want,
                    float *factor, struct tr_err *err)
{
    const struct tr_json *train = tr_json_get(message, "train");
    const struct tr_json *weight = tr_json_get(message, "weight");
    if (train && tr_json_kind(train) == TR_JSON_BOOL)
        *want = (unsigned char)tr_json_bool(train);
    else if (train && tr_json_kind(train) != TR_JSON_NULL)
        return tr_err_set(err, TR_EFORMAT, "'train' of message %zu is not true or false",
                          i + 1);
    if (!weight || tr_json_kind(weight) == TR_JSON_NULL)
        return 0;
    enum tr_json_kind kind = tr_json_kind(weight);
    double x = kind == TR_JSON_INT || kind == TR_JSON_REAL ? tr_json_real(weight) : -1;
    if (!(x >= 0 && x <= 1e6))
        return tr_err_set(err, TR_EFORMAT, "'weight' of message %zu is no number from 0 to "
                          "1000000", i + 1);
    *factor = (float)x;
    return 0;
}

int tr__chat_want(struct tr_preparer *w, const struct tr_row *row, struct tr_err *err)
{
    const struct tr_json *messages = tr_json_get(row->chat, "messages");
    size_t n = tr_json_count(messages);
    int rc = 0;
    if (tr__grow(&w->want, &w->cap_want, n, sizeof *w->want) ||
        tr__grow(&w->factor, &w->cap_factor, n, sizeof *w->factor))
        return tr_err_sys(err, "cannot hold %zu messages", n);
    w->n_turn = n;
    w->answers = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        w->want[i] = (unsigned char)chosen(w, row, messages, i);
        w->factor[i] = 1;
        rc = own_wish(tr_json_at(messages, i), i, &w->want[i], &w->factor[i], err);
        w->want[i] = w->want[i] && w->factor[i] > 0;
        w->answers |= w->want[i] && has_role(tr_json_at(messages, i), "assistant");
        w->factor[i] *= row->weight;
    }
    return rc;
}

/* ---- where they stand --------------------------------------------------------------- */

int tr__span_add(struct tr_preparer *w, size_t start, size_t end, float weight,
                 struct tr_err *err)
{
    if (tr__grow(&w->span, &w->cap_span, w->n_span + 1, sizeof *w->span))
        return tr_err_sys(err, "cannot hold %zu spans", w->n_span + 1);
    if (weight > 0)
        w->span[w->n_span++] = (struct tr__span){ start, end, weight };
    return 0;
}

/* 1 if the template's own blocks say where the wanted messages are: they do not name
 * theirs, so either all assistant turns are wanted alike, or there is a block for each. */
static int blocks_fit(const struct tr_preparer *w, const struct tr_json *messages)
{
    size_t n_assistant = 0, n_want = 0;
    int alike = 1, first = -1;
    for (size_t i = 0; i < w->n_turn; i++) {
        int assistant = has_role(tr_json_at(messages, i), "assistant");
        if (w->want[i] && !assistant)
            return 0;
        n_assistant += (size_t)assistant;
        n_want += w->want[i];
        if (w->want[i] && first < 0)
            first = (int)i;
        alike &= !w->want[i] || w->factor[i] == w->factor[first];
    }
    return w->chat.n_generation && n_want &&
           ((alike && n_want == n_assistant) || w->chat.n_generation == n_assistant);
}

static int add_blocks(struct tr_preparer *w, const struct tr_json *messages,
                      struct tr_err *err)
{
    size_t k = 0, n_assistant = 0, first = 0;
    int rc = 0;
    for (size_t i = w->n_turn; i-- > 0;) {
        n_assistant += (size_t)has_role(tr_json_at(messages, i), "assistant");
        first = w->want[i] ? i : first;
    }
    if (w->chat.n_generation != n_assistant)
        for (; k < w->chat.n_generation && !rc; k++)
            rc = tr__span_add(w, w->chat.generation[k].start, w->chat.generation[k].end,
                              w->factor[first], err);
    else
        for (size_t i = 0; i < w->n_turn && !rc; i++) {
            const struct tr_chat_range *g = &w->chat.generation[k];
            if (!has_role(tr_json_at(messages, i), "assistant"))
                continue;
            if (w->want[i])
                rc = tr__span_add(w, g->start, g->end, w->factor[i], err);
            k++;
        }
    memset(w->want, 0, w->n_turn);
    return rc;
}

static int find_turns(struct tr_preparer *w, const struct tr_row *row, struct tr_err *err)
{
    const struct tr_prepare *p = w->p;
    return tr_chat_turns(p->chat, row->chat, p->args, p->now, w->want, &w->chat, err);
}

static int add_turns(struct tr_preparer *w, const struct tr_row *row, struct tr_err *err)
{
    int rc = find_turns(w, row, err);
    for (size_t i = 0; i < w->n_turn && !rc; i++) {
        const struct tr_chat_turn *t = &w->chat.turn[i];
        if (!w->want[i] || !t->known)
            continue;
        rc = tr__span_add(w, t->start, t->end, w->factor[i], err);
        w->want[i] = 0;
    }
    return rc;
}

/* All of the text, but what messages say of themselves. */
static int add_all(struct tr_preparer *w, const struct tr_row *row, struct tr_err *err)
{
    size_t at = 0, special = 0;
    for (size_t i = 0; i < w->n_turn; i++) {
        float own = w->want[i] ? w->factor[i] : 0;
        w->want[i] = own != row->weight;
        w->factor[i] = own;
        special += w->want[i];
    }
    int rc = special ? find_turns(w, row, err) : 0;
    for (size_t i = 0; i < w->n_turn && !rc; i++) {
        if (!w->want[i] || !w->chat.turn[i].known)
            continue;
        if (w->chat.turn[i].start > at)
            rc = tr__span_add(w, at, w->chat.turn[i].start, row->weight, err);
        at = w->chat.turn[i].end;
        if (!rc)
            rc = tr__span_add(w, w->chat.turn[i].start, at, w->factor[i], err);
        w->want[i] = 0;
    }
    return rc ? rc : tr__span_add(w, at, w->chat.n, row->weight, err);
}

int tr__chat_spans(struct tr_preparer *w, const struct tr_row *row, struct tr_err *err)
{
    const struct tr_json *messages = tr_json_get(row->chat, "messages");
    w->n_span = 0;
    if (w->on.rule == TR__TRAIN_ALL)
        return add_all(w, row, err);
    if (blocks_fit(w, messages))
        return add_blocks(w, messages, err);
    return add_turns(w, row, err);
}
