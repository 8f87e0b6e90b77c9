/* SPDX-License-Identifier: MIT
 *
 * Chat templates are programs, and other programs want them in other languages.  Most do
 * little: fixed pieces between the texts of the messages.  Which pieces these are is seen by
 * rendering chats whose texts cannot be mistaken, and whether that is all, by rendering longer
 * and shorter ones and putting the same together from the pieces.  Next: modelfile.c.
 */
#include <libtrain/publish/turns.h>

#include <libtrain/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chat in letters: s system, u user, a assistant; its texts by number, each the one that no
 * template writes by itself. */
static const char *const said[] = { "Qx0system", "Qx1user", "Qx2answer", "Qx3user",
                                    "Qx4answer", "Qx5user" };

const char *tr__turns_said(char role, int turn)
{
    return role == 's' ? said[0] : said[2 * turn + (role == 'u' ? 1 : 2)];
}

char *tr__text_copy(const char *bytes, size_t n)
{
    char *text = malloc(n + 1);
    if (!text)
        return NULL;
    if (n)
        memcpy(text, bytes, n);
    text[n] = '\0';
    return text;
}

/* ---- rendering -------------------------------------------------------------------- */

struct view { /* one who renders */
    const struct tr_modelfile *m;
    const char *bos; /* taken off the front */
    struct tr_chat_text out;
    char *text; /* a copy with a NUL behind it */
};

static int add_message(struct tr_json *messages, char role, const char *text)
{
    const char *name = role == 's' ? "system" : role == 'u' ? "user" : "assistant";
    struct tr_json *o = tr_json_object();
    if (!o || tr_json_set(o, "role", tr_json_text(name, strlen(name))) ||
        tr_json_set(o, "content", tr_json_text(text, strlen(text)))) {
        tr_json_free(o);
        return -1;
    }
    return tr_json_append(messages, o);
}

static struct tr_json *make_row(const char *chat)
{
    struct tr_json *row = tr_json_object(), *messages = tr_json_array();
    int turn = 0, rc = !row || !messages;
    for (const char *role = chat; !rc && *role; role++) {
        rc = add_message(messages, *role, tr__turns_said(*role, turn));
        turn += *role == 'a';
    }
    if (rc)
        tr_json_free(messages);
    else
        rc = tr_json_set(row, "messages", messages) ||
             tr_json_set(row, "add_generation_prompt", tr_json_truth(1));
    if (!rc)
        return row;
    tr_json_free(row);
    return NULL;
}

/* The rendering of a chat, the view's until the next; NULL with *why if the template refuses
 * it. */
static const char *render(struct view *v, const char *chat, char why[TR__WHY_BYTES])
{
    struct tr_err err = { 0 };
    struct tr_json *row = make_row(chat);
    size_t bos = strlen(v->bos);
    int rc = row ? tr_chat_render(v->m->chat, row, v->m->args, v->m->now, &v->out, &err)
                 : tr_err_set(&err, TR_ENOMEM, "out of memory for a chat");
    tr_json_free(row);
    free(v->text);
    v->text = rc ? NULL : tr__text_copy(v->out.text, v->out.n);
    if (!rc && !v->text)
        tr_err_set(&err, TR_ENOMEM, "out of memory for a chat");
    else if (!rc && strlen(v->text) < v->out.n)
        tr_err_set(&err, TR_EFORMAT, "it writes a NUL");
    snprintf(why, TR__WHY_BYTES, "%s", err.text);
    if (err.code)
        return NULL;
    return v->text + (strncmp(v->text, v->bos, bos) ? 0 : bos);
}

static void view_release(struct view *v)
{
    tr_chat_text_release(&v->out);
    free(v->text);
}

char *tr__turns_text(const struct tr__turns *t, const struct tr_modelfile *m,
                     const char *chat, char why[TR__WHY_BYTES])
{
    struct view v = { .m = m, .bos = t->bos };
    const char *text = render(&v, chat, why);
    char *copy = text ? strdup(text) : NULL;
    view_release(&v);
    return copy;
}

/* ---- pieces ----------------------------------------------------------------------- */

static void drop(char **piece, int n)
{
    for (int i = 0; i < n; i++)
        free(piece[i]);
}

static int is_bare(const char *piece)
{
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (strstr(piece, said[i]))
            return 0;
    return 1;
}

/* Parts of `text` between the texts of a chat, one more than it has letters, the caller's.
 * 0, and none, if those do not stand there once each, in the order of the letters. */
static int split(const char *text, const char *chat, char **piece)
{
    int turn = 0, n = 0, ok = 1;
    for (const char *role = chat; ok && *role; role++) {
        const char *mine = tr__turns_said(*role, turn), *at = strstr(text, mine);
        ok = at && (piece[n] = tr__text_copy(text, (size_t)(at - text))) && is_bare(piece[n++]);
        text = ok ? at + strlen(mine) : text;
        turn += *role == 'a';
    }
    ok = ok && (piece[n] = strdup(text)) && is_bare(piece[n++]);
    if (!ok)
        drop(piece, n);
    return ok;
}

enum { MAX_PIECES = 6 };

/* bare USER to_answer ANSWER to_next USER prompt */
static int find_plain(struct tr__turns *t, struct view *v, char why[TR__WHY_BYTES])
{
    char *piece[MAX_PIECES];
    const char *text = render(v, "uau", why);
    if (!text)
        return 0;
    if (!split(text, "uau", piece)) {
        snprintf(why, TR__WHY_BYTES,
                 "it does not write the texts of messages as they are, in order");
        return 0;
    }
    t->bare = piece[0];
    t->to_answer = piece[1];
    t->to_next = piece[2];
    t->prompt = piece[3];
    return 1;
}

/* head SYSTEM after_system USER …, or … to_next head SYSTEM after_system USER prompt. */
static int find_system(struct tr__turns *t, struct view *v)
{
    char *piece[MAX_PIECES], unused[TR__WHY_BYTES];
    const char *text = render(v, "suau", unused), *head = "", *after = "";
    size_t next = strlen(t->to_next);
    int n = 0;
    if (text && split(text, "suau", piece)) {
        head = piece[0];
        after = piece[1];
        t->takes_system = 1;
        n = 5;
    } else if (text && split(text, "uasu", piece)) {
        t->takes_system = t->late = !strncmp(piece[2], t->to_next, next);
        head = t->late ? piece[2] + next : "";
        after = t->late ? piece[3] : "";
        n = 5;
    }
    t->head = strdup(head);
    t->after_system = strdup(after);
    drop(piece, n);
    return t->head && t->after_system;
}

/* ---- is that all? ----------------------------------------------------------------- */

/* Whether `text` begins with piece; it then goes on behind it. */
static int take(const char **text, const char *piece)
{
    size_t n = strlen(piece);
    if (strncmp(*text, piece, n))
        return 0;
    *text += n;
    return 1;
}

static int take_system(const struct tr__turns *t, const char **text)
{
    return take(text, t->head) && take(text, said[0]) && take(text, t->after_system);
}

/* Whether the pieces make this rendering of a chat. */
static int is_made(const struct tr__turns *t, const char *text, const char *chat)
{
    int system = *chat == 's', turn = 0;
    int ok = system && !t->late ? take_system(t, &text) : take(&text, t->bare);
    for (chat += system; ok && *chat; chat++) {
        int last = !chat[1];
        if (*chat == 'u' && last && system && t->late)
            ok = take_system(t, &text);
        ok = ok && take(&text, tr__turns_said(*chat, turn)) &&
             take(&text, *chat == 'a' ? t->to_next : last ? t->prompt : t->to_answer);
        turn += *chat == 'a';
    }
    return ok && !*text;
}

static int check(const struct tr__turns *t, struct view *v, char why[TR__WHY_BYTES])
{
    static const char *const chats[] = { "u", "uau", "uauau", "su", "suau", "suauau" };
    for (size_t i = 0; i < sizeof chats / sizeof *chats; i++) {
        if (*chats[i] == 's' && !t->takes_system)
            continue;
        const char *text = render(v, chats[i], why);
        if (!text)
            return 0;
        if (!is_made(t, text, chats[i])) {
            snprintf(why, TR__WHY_BYTES, "what it writes around a message depends on more "
                     "than who says it and whether it is the last");
            return 0;
        }
    }
    return 1;
}

static int is_dated(const struct tr__turns *t, const struct tr_modelfile *m, const char *bos)
{
    enum { HALF_A_YEAR = 15811200 };
    char unused[TR__WHY_BYTES];
    struct tr_modelfile later = *m;
    later.now += HALF_A_YEAR;
    struct view v = { .m = &later, .bos = bos };
    const char *text = render(&v, "uau", unused);
    int same = text && is_made(t, text, "uau");
    if (same && t->takes_system) {
        text = render(&v, "suau", unused);
        same = text && is_made(t, text, "suau");
    }
    view_release(&v);
    return !same;
}

/* The text of the BOS that the tokenizer puts in front of a chat; "" if it puts none. */
static int find_bos(struct tr__turns *t, const struct tr_tokenizer *tok, struct tr_err *err)
{
    char *bos = NULL;
    size_t n = 0, cap = 0;
    int rc = 0, id = tr_tokenizer_add_bos(tok) ? tr_tokenizer_bos(tok) : -1;
    if (id >= 0)
        rc = tr_tokenizer_decode(tok, (uint32_t)id, 0, 1, &bos, &n, &cap, err);
    t->bos = rc ? NULL : tr__text_copy(bos, n);
    free(bos);
    return rc || t->bos ? rc : tr_err_set(err, TR_ENOMEM, "out of memory for the BOS");
}

int tr__turns_find(struct tr__turns *t, const struct tr_modelfile *m,
                   const struct tr_tokenizer *tok, char why[TR__WHY_BYTES], struct tr_err *err)
{
    snprintf(why, TR__WHY_BYTES, "the model has none");
    int rc = find_bos(t, tok, err);
    if (rc || !m->chat)
        return rc;
    struct view v = { .m = m, .bos = t->bos };
    int found = find_plain(t, &v, why);
    if (found && !find_system(t, &v))
        rc = tr_err_set(err, TR_ENOMEM, "out of memory for the pieces of a chat template");
    found = found && !rc && check(t, &v, why);
    if (found)
        t->dated = is_dated(t, m, t->bos);
    view_release(&v);
    return rc ? rc : found;
}

void tr__turns_release(struct tr__turns *t)
{
    char *all[] = { t->bos, t->bare, t->head, t->after_system, t->to_answer, t->to_next,
                    t->prompt };
    drop(all, sizeof all / sizeof *all);
    *t = (struct tr__turns){ 0 };
}
