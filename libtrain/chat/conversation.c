/* SPDX-License-Identifier: MIT
 *
 * What transformers does around a template: messages lose their keys of None, reasoning is
 * found under each of its names, tools and documents that are not there are None, and an
 * answer that is to be continued gets a tag behind which the rendering is cut.  Next:
 * render.c.
 */
#include <libtrain/chat/conversation.h>
#include <libtrain/chat/text.h>
#include <libtrain/chat/tree.h>

#include <libtrain/json.h>

#include <string.h>

static const char tag[] = "CONTINUE_FINAL_MESSAGE_TAG ";

static int is_key(const struct tr__val *key, const char *name)
{
    return key->n == strlen(name) && memcmp(key->as.s, name, key->n) == 0;
}

static int fail(struct tr__run *r, const char *what)
{
    return tr_err_set(r->err, TR_EFORMAT, "%s", what);
}

/* The pair of this key, or a new one at the end. */
static struct tr__pair *slot(struct tr__pair *pair, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (is_key(&pair[i].key, name))
            return &pair[i];
    pair[*n].key = tr__str(name, strlen(name), TR__OURS);
    return &pair[(*n)++];
}

static const char *const reasoning_names[] = { "reasoning_content", "thinking",
                                               "reasoning" };

/* Message i without None, and with `thinking` in front and `reasoning_content`, where there
 * is reasoning under any name. */
static int message(struct tr__run *r, const struct tr__val *from, struct tr__val *out)
{
    struct tr__val found = { 0 };
    size_t n = 0;
    struct tr__pair *pair = tr__alloc(r, from->n + 2, sizeof *pair);
    if (!pair)
        return r->err->code;
    for (size_t k = 0; k < 3 && tr__absent(&found); k++)
        tr__lookup(from, reasoning_names[k], strlen(reasoning_names[k]), &found);
    if (!tr__absent(&found))
        slot(pair, &n, "thinking")->value = found;
    for (size_t i = 0; i < from->n; i++) {
        const struct tr__pair *p = &from->as.pair[i];
        if (p->value.kind != TR__NONE)
            *(is_key(&p->key, "thinking") ? &pair[0] : &pair[n++]) = *p;
    }
    if (!tr__absent(&found))
        slot(pair, &n, "reasoning_content")->value = found;
    if (tr__dict(r, pair, n, out))
        return r->err->code;
    out->origin = TR__DATA;
    return 0;
}

static int objects(struct tr__run *r, const struct tr__val *list, const char *what)
{
    if (list->kind == TR__NONE)
        return 0;
    if (list->kind != TR__LIST)
        return fail(r, what);
    for (size_t i = 0; i < list->n; i++)
        if (list->as.item[i].kind != TR__DICT)
            return fail(r, what);
    return 0;
}

static int messages(struct tr__run *r, struct tr__conversation *c)
{
    struct tr__val *item = tr__alloc(r, c->messages.n, sizeof *item);
    if (!item)
        return r->err->code;
    for (size_t i = 0; i < c->messages.n; i++)
        if (message(r, &c->messages.as.item[i], &item[i]))
            return r->err->code;
    c->messages.as.item = item;
    return 0;
}

static int add_tag(struct tr__run *r, struct tr__val *s)
{
    struct tr__val end = tr__str(tag, sizeof tag - 1, TR__OURS);
    if (!tr__is_str(s))
        return fail(r, "continue_final_message: what is to be continued is no text");
    return tr__concat(r, s, &end, s);
}

/* Of content in parts the last that has a text. */
static int tag_parts(struct tr__run *r, struct tr__val *list, struct tr__val *ending)
{
    struct tr__val *item = tr__alloc(r, list->n, sizeof *item);
    if (!item)
        return r->err->code;
    if (list->n)
        memcpy(item, list->as.item, list->n * sizeof *item);
    list->as.item = item;
    for (size_t i = list->n; i-- > 0;) {
        if (item[i].kind != TR__DICT || !tr__lookup(&item[i], "text", 4, ending))
            continue;
        struct tr__pair *pair = tr__alloc(r, item[i].n, sizeof *pair);
        size_t n = item[i].n;
        if (!pair)
            return r->err->code;
        memcpy(pair, item[i].as.pair, n * sizeof *pair);
        item[i].as.pair = pair;
        return add_tag(r, &slot(pair, &n, "text")->value);
    }
    return fail(r, "continue_final_message: the last message has no text");
}

static int in_template(const struct tr__run *r, const char *field)
{
    struct tr__val text = tr__str(r->chat->given, r->chat->n_given, TR__OURS);
    struct tr__val what = tr__str(field, strlen(field), TR__OURS);
    return tr__find(&text, 0, &what) != SIZE_MAX;
}

/* Reasoning has several names, and the template reads one of them. */
static int tag_fields(struct tr__run *r, struct tr__val *last, const char *field,
                      const struct tr__val *text)
{
    struct tr__pair *pair = (struct tr__pair *)last->as.pair;
    int reasoning = 0, used = in_template(r, field);
    for (size_t k = 0; k < 3; k++)
        reasoning |= strcmp(field, reasoning_names[k]) == 0;
    for (size_t i = 0; i < last->n; i++) {
        int same = is_key(&pair[i].key, field);
        for (size_t k = 0; reasoning && k < 3; k++)
            if (is_key(&pair[i].key, reasoning_names[k]) &&
                tr__equal(r, &pair[i].value, text) == 1) {
                same = 1;
                used |= in_template(r, reasoning_names[k]);
            }
        if (same && add_tag(r, &pair[i].value))
            return r->err->code;
    }
    return used ? 0 : fail(r,
                           "continue_final_message: the template does not read that field");
}

static int continue_last(struct tr__run *r, struct tr__conversation *c, const char *field)
{
    struct tr__val *last, text;
    if (c->messages.n == 0)
        return fail(r, "continue_final_message: there is no message");
    if (tr__truth(r, &c->prompt))
        return fail(r,
                    "continue_final_message and add_generation_prompt exclude each other");
    last = (struct tr__val *)&c->messages.as.item[c->messages.n - 1];
    if (!tr__lookup(last, field, strlen(field), &text))
        return fail(r, "continue_final_message: the last message lacks what is to be "
                       "continued");
    c->ending = text;
    if (text.kind != TR__LIST)
        return tag_fields(r, last, field, &text);
    if (!in_template(r, field))
        return fail(r, "continue_final_message: the template does not read that field");
    size_t n = last->n;
    return tag_parts(r, &slot((struct tr__pair *)last->as.pair, &n, field)->value,
                     &c->ending);
}

static int variables(struct tr__run *r, const struct tr_json *v, enum tr__origin origin,
                     const char *what, struct tr__val *out)
{
    if (tr__from_json(r, v, origin, out))
        return r->err->code;
    if (out->kind == TR__NONE)
        return tr__dict(r, NULL, 0, out);
    return out->kind == TR__DICT ? 0 : fail(r, what);
}

int tr__conversation(struct tr__run *r, const struct tr_json *row,
                     const struct tr_json *args, struct tr__conversation *c)
{
    const struct tr_json *more = tr_json_get(row, "continue_final_message");
    size_t n;
    *c = (struct tr__conversation){ .prompt = tr__bool(0) };
    if (tr__from_json(r, tr_json_get(row, "messages"), TR__DATA, &c->messages) ||
        tr__from_json(r, tr_json_get(row, "tools"), TR__DATA, &c->tools) ||
        tr__from_json(r, tr_json_get(row, "documents"), TR__DATA, &c->documents) ||
        variables(r, tr_json_get(row, "chat_template_kwargs"), TR__DATA,
                  "chat_template_kwargs is no object", &c->row_args) ||
        variables(r, args, TR__OURS, "the variables are no object", &c->args))
        return r->err->code;
    if (tr_json_has(row, "add_generation_prompt") &&
        tr__from_json(r, tr_json_get(row, "add_generation_prompt"), TR__DATA, &c->prompt))
        return r->err->code;
    if (c->messages.kind != TR__LIST)
        return fail(r, "there are no messages");
    if (objects(r, &c->messages, "a message is no object") ||
        objects(r, &c->tools, "tools are no array of objects") ||
        objects(r, &c->documents, "documents are no array of objects") || messages(r, c))
        return r->err->code;
    if (*tr_json_string(more, &n))
        return continue_last(r, c, tr_json_string(more, &n));
    return tr_json_bool(more) ? continue_last(r, c, "content") : 0;
}

/* The rendering up to the tag; where the template stripped the tag's blank, so are those in
 * front of it. */
int tr__cut_at_tag(struct tr__run *r, const struct tr__conversation *c)
{
    struct tr_chat_text *t = r->out;
    struct tr__val all = tr__str(t->text, t->n, TR__OURS), text = c->ending;
    struct tr__val what = tr__str(tag, sizeof tag - 2, TR__OURS);
    size_t left = tr__space_left(text.as.s, text.n), at = tr__find_last(r, &all, all.n,
                                                                        &what);
    text.n -= left < text.n ? tr__space_right(text.as.s, text.n) + left : left;
    text.as.s += left;
    if (at == SIZE_MAX || tr__find(&all, 0, &text) == SIZE_MAX)
        return fail(r, "continue_final_message: the last message does not come out of the "
                       "template as it is");
    t->n = at;
    if (at + sizeof tag - 1 > all.n || all.as.s[at + sizeof tag - 2] != ' ')
        t->n -= tr__space_right(t->text, t->n);
    while (t->n_data && t->data[t->n_data - 1].start >= t->n)
        t->n_data--;
    if (t->n_data && t->data[t->n_data - 1].end > t->n)
        t->data[t->n_data - 1].end = t->n;
    return 0;
}
