/* SPDX-License-Identifier: MIT
 *
 * What the forms of rows are read with: columns under the names the caller gave them,
 * segments, chats that are made of other columns, and the store that owns what is made.
 */
#include <libtrain/base/base.h>
#include <libtrain/data/sources/rows.h>

#include <stdlib.h>
#include <string.h>

void tr__store_empty(struct tr_row_store *s)
{
    tr_json_free(s->made);
    tr_json_free(s->root);
    s->root = s->made = NULL;
    while (s->n_room)
        free(s->room[--s->n_room]);
}

void tr_row_release(struct tr_row *row)
{
    if (row->store) {
        tr__store_empty(row->store);
        free(row->store->segment);
        free(row->store->room);
        free(row->store);
    }
    *row = (struct tr_row){ 0 };
}

/* ---- what forms use ------------------------------------------------------------------ */

int tr__no_memory(const struct tr__reading *r)
{
    return tr_err_set(r->err, TR_ENOMEM, "out of memory for a row");
}

const char *tr__column_name(const struct tr__reading *r, const char *key)
{
    for (size_t i = 0; i < r->o->n_key; i++)
        if (!strcmp(r->o->key[i].key, key))
            return r->o->key[i].column;
    return key;
}

const struct tr_json *tr__column(const struct tr__reading *r, const char *key)
{
    return tr_json_get(r->root, tr__column_name(r, key));
}

const char *tr__kind_words(const struct tr_json *v)
{
    static const char *const words[] = { "null", "true or false", "a number", "a number",
                                         "a string", "a list", "an object" };
    return words[tr_json_kind(v)];
}

int tr__bad_column(const struct tr__reading *r, const char *key, const char *wanted)
{
    const char *name = tr__column_name(r, key);
    if (!tr_json_has(r->root, name))
        return tr_err_set(r->err, TR_EFORMAT, "no '%s', which is to be %s", name, wanted);
    return tr_err_set(r->err, TR_EFORMAT, "'%s' is %s, not %s", name,
                      tr__kind_words(tr__column(r, key)), wanted);
}

int tr__column_string(const struct tr__reading *r, const char *key, const char **s,
                      size_t *n)
{
    const struct tr_json *v = tr__column(r, key);
    if (tr_json_kind(v) != TR_JSON_STRING)
        return tr__bad_column(r, key, "a string");
    *s = tr_json_string(v, n);
    return 0;
}

void *tr__row_room(struct tr__reading *r, size_t n)
{
    struct tr_row_store *s = r->row->store;
    void *p = malloc(n ? n : 1);
    if (!p || tr__grow(&s->room, &s->cap_room, s->n_room + 1, sizeof *s->room)) {
        free(p);
        tr__no_memory(r);
        return NULL;
    }
    return s->room[s->n_room++] = p;
}

char *tr__joined(struct tr__reading *r, const char *a, size_t n_a, const char *between,
                 const char *b, size_t n_b, size_t *n)
{
    size_t n_between = n_b ? strlen(between) : 0;
    char *text = tr__row_room(r, n_a + n_between + n_b);
    if (!text)
        return NULL;
    memcpy(text, a, n_a);
    memcpy(text + n_a, between, n_between);
    memcpy(text + n_a + n_between, b, n_b);
    *n = n_a + n_between + n_b;
    return text;
}

struct tr_segment *tr__segment(struct tr__reading *r)
{
    struct tr_row_store *s = r->row->store;
    if (tr__grow(&s->segment, &s->cap, r->row->n_segment + 1, sizeof *s->segment)) {
        tr__no_memory(r);
        return NULL;
    }
    r->row->kind = TR_ROW_SEGMENTS;
    r->row->segment = s->segment;
    struct tr_segment *new = &s->segment[r->row->n_segment++];
    *new = (struct tr_segment){ .train = 1, .weight = 1 };
    return new;
}

int tr__segment_text(struct tr__reading *r, const char *text, size_t n, int train)
{
    struct tr_segment *s = tr__segment(r);
    if (!s)
        return -1;
    s->text = text;
    s->n_text = n;
    s->train = train;
    return 0;
}

int tr__row_weight(const struct tr__reading *r, const struct tr_json *v, float *to)
{
    enum tr_json_kind kind = tr_json_kind(v);
    double x = kind == TR_JSON_INT || kind == TR_JSON_REAL ? tr_json_real(v) : -1;
    if (kind == TR_JSON_NULL)
        return 0;
    if (!(x >= 0 && x <= 1e6))
        return tr_err_set(r->err, TR_EFORMAT, "'weight' is no number from 0 to 1000000");
    *to = (float)x;
    return 0;
}

/* ---- chats --------------------------------------------------------------------------- */

static const char *const beside[] = { "tools", "documents", "add_generation_prompt",
                                      "continue_final_message", "chat_template_kwargs" };

/* Lists of tools are often kept as text of JSON, so that tables of rows have one type. */
static struct tr_json *beside_value(struct tr__reading *r, const char *key)
{
    const struct tr_json *v = tr_json_get(r->root, key);
    size_t n;
    const char *text = tr_json_string(v, &n);
    if (n && !strcmp(key, "tools"))
        return tr_json_parse(text, n, "tools", 0, 0, r->err);
    return v ? tr_json_share(v) : NULL;
}

struct tr_json *tr__chat_begin(struct tr__reading *r, struct tr_json **messages)
{
    struct tr_json *chat = r->row->store->made = tr_json_object();
    *messages = tr_json_array();
    if (!chat || !*messages || tr_json_set(chat, "messages", *messages)) {
        tr__no_memory(r);
        return NULL;
    }
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        struct tr_json *v = beside_value(r, beside[i]);
        if (r->err->code)
            return NULL;
        if (v && tr_json_set(chat, beside[i], v)) {
            tr__no_memory(r);
            return NULL;
        }
    }
    r->row->kind = TR_ROW_CHAT;
    r->row->chat = chat;
    return chat;
}

/* A new message; what is given becomes its own, also when that fails. */
static struct tr_json *message(struct tr__reading *r, const char *role,
                               struct tr_json *content)
{
    struct tr_json *m = tr_json_object();
    struct tr_json *who = m ? tr_json_text(role, strlen(role)) : NULL;
    int named = who && !tr_json_set(m, "role", who);
    if (!named)
        tr_json_free(content);
    if (named && !tr_json_set(m, "content", content))
        return m;
    tr_json_free(m);
    tr__no_memory(r);
    return NULL;
}

static struct tr_json *add(struct tr__reading *r, struct tr_json *messages,
                           struct tr_json *m)
{
    if (!m || !tr_json_append(messages, m))
        return m;
    tr__no_memory(r);
    return NULL;
}

struct tr_json *tr__chat_add(struct tr__reading *r, struct tr_json *messages,
                             const char *role, const struct tr_json *content)
{
    return add(r, messages, message(r, role, tr_json_share(content)));
}

struct tr_json *tr__chat_add_text(struct tr__reading *r, struct tr_json *messages,
                                  const char *role, const char *s, size_t n)
{
    struct tr_json *text = tr_json_text(s, n);
    if (text)
        return add(r, messages, message(r, role, text));
    tr__no_memory(r);
    return NULL;
}

int tr__chat_add_system(struct tr__reading *r, struct tr_json *messages,
                        const struct tr_json *list)
{
    const struct tr_json *first = tr_json_count(list) ? tr_json_at(list, 0) : NULL;
    const char *text = "";
    size_t n = 0;
    if (!tr__column(r, "system") ||
        !strcmp(tr_json_string(tr_json_get(first, "role"), NULL), "system"))
        return 0;
    if (tr__column_string(r, "system", &text, &n))
        return -1;
    return !n || tr__chat_add_text(r, messages, "system", text, n) ? 0 : -1;
}

int tr__chat_check(struct tr__reading *r, const struct tr_json *list, const char *key)
{
    for (size_t i = 0; i < tr_json_count(list); i++)
        if (tr_json_kind(tr_json_get(tr_json_at(list, i), "role")) != TR_JSON_STRING)
            return tr_err_set(r->err, TR_EFORMAT, "message %zu of '%s' %s", i + 1,
                              tr__column_name(r, key),
                              tr_json_kind(tr_json_at(list, i)) == TR_JSON_OBJECT
                                  ? "has no role" : "is no object");
    return 0;
}

int tr__chat_add_list(struct tr__reading *r, struct tr_json *messages,
                      const struct tr_json *list, const char *key)
{
    if (tr__chat_check(r, list, key))
        return -1;
    for (size_t i = 0; i < tr_json_count(list); i++)
        if (tr_json_append(messages, tr_json_share(tr_json_at(list, i))))
            return tr__no_memory(r);
    return 0;
}
