/* SPDX-License-Identifier: MIT
 *
 * A conversation of MLC is a form with few fields: a system text, which is always there, then
 * for each message its role, its text and a separator.  What a chat template does is seen by
 * its pieces (turns.c); there are several ways to put these into the form, so each is tried:
 * it is filled in, small chats are put together as MLC puts them together, and the first that
 * gives what the template gives, byte for byte, is taken.
 */
#include <libtrain/publish/mlc_chat.h>

#include <libtrain/publish/stops.h>

#include <stdlib.h>
#include <string.h>

/* ---- the form --------------------------------------------------------------------- */

/* system: `head` SYSTEM `behind`, with `message` where a chat brings none.  All are parts of
 * longer texts, so they have lengths. */
struct part {
    const char *text;
    size_t n;
};

struct form {
    struct part head, behind, message;
    struct part user;           /* in front of what a user says */
    struct part answer, prompt; /* … of what was answered, of what is to be answered */
    struct part sep[2];         /* behind a user, behind an answer */
    int role_first;             /* the first user's is there, though a system text is */
    int takes_system;           /* a chat may bring one */
};

static struct part whole(const char *text)
{
    return (struct part){ text, strlen(text) };
}

static int ends_with(struct part p, struct part end)
{
    return p.n >= end.n && !memcmp(p.text + p.n - end.n, end.text, end.n);
}

static int starts_with(struct part p, struct part start)
{
    return p.n >= start.n && !memcmp(p.text, start.text, start.n);
}

static struct part without_start(struct part p, size_t n)
{
    return (struct part){ p.text + n, p.n - n };
}

/* ---- as MLC puts chats together --------------------------------------------------- */

struct text { /* that is being compared: it goes on behind what was the same */
    const char *at;
    int same;
};

static void take(struct text *t, struct part p)
{
    t->same = t->same && !strncmp(t->at, p.text, p.n);
    if (t->same)
        t->at += p.n;
}

/* Whether the form makes `text` of a chat in letters. */
static int makes(const struct form *f, const char *chat, const char *text)
{
    struct text t = { text, 1 };
    int system = *chat == 's', turn = 0;
    struct part message = system ? whole(tr__turns_said('s', 0)) : f->message;
    int role = f->role_first || !(f->head.n + message.n + f->behind.n);
    take(&t, f->head);
    take(&t, message);
    take(&t, f->behind);
    for (chat += system; *chat; chat++) {
        int answer = *chat == 'a';
        if (role)
            take(&t, answer ? f->answer : f->user);
        take(&t, whole(tr__turns_said(*chat, turn)));
        take(&t, f->sep[answer]);
        turn += answer;
        role = 1;
    }
    take(&t, f->prompt);
    return t.same && !*t.at;
}

static size_t common_start(struct part a, struct part b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.text[n] == b.text[n])
        n++;
    return n;
}

/* Where an answer and what is to be answered begin in different ways, the form has what is
 * different behind the role of both; and behind that of the user, whose has to end so. */
static int has_roles(const struct form *f)
{
    size_t same = common_start(f->answer, f->prompt);
    return ends_with(f->user, without_start(f->answer, same));
}

/* Whether it makes what the template makes.  A system message that is always there is no
 * matter of the template. */
static int is_proven(const struct form *f, const struct tr__turns *t,
                     const struct tr_modelfile *m)
{
    static const char *const chats[] = { "u", "uau", "uauau", "su", "suau", "suauau" };
    char why[TR__WHY_BYTES];
    int same = has_roles(f);
    for (size_t i = 0; same && i < sizeof chats / sizeof *chats; i++) {
        int system = *chats[i] == 's';
        if (system ? !f->takes_system : m->system != NULL)
            continue;
        char *text = tr__turns_text(t, m, chats[i], why);
        same = text && makes(f, chats[i], text);
        free(text);
    }
    return same;
}

/* ---- ways to fill it in ----------------------------------------------------------- */

/* Up to the first token that ends an answer, with the white space behind it. */
static size_t ending(const char *text, const struct tr__stops *stops)
{
    const char *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < stops->n; i++) {
        const char *at = strstr(text, stops->stop[i].text);
        if (at && (!first || at < first)) {
            first = at;
            n = strlen(stops->stop[i].text);
        }
    }
    if (!first)
        return 0;
    n += (size_t)(first - text);
    return n + strspn(text + n, " \n\t\r");
}

static size_t common_end(struct part a, struct part b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.text[a.n - 1 - n] == b.text[b.n - 1 - n])
        n++;
    return n;
}

/* Behind an answer n bytes, the rest in front of the next user; behind a user the same, if that
 * is what stands there. */
static void cut_turns(struct form *f, const struct tr__turns *t, size_t n)
{
    struct part to_answer = whole(t->to_answer), prompt = whole(t->prompt);
    f->sep[1] = (struct part){ t->to_next, n };
    f->user = without_start(whole(t->to_next), n);
    int same = n && starts_with(to_answer, f->sep[1]) && starts_with(prompt, f->sep[1]);
    f->sep[0] = same ? f->sep[1] : (struct part){ "", 0 };
    f->answer = without_start(to_answer, f->sep[0].n);
    f->prompt = without_start(prompt, f->sep[0].n);
}

/* Text in front of a first user without its role, or with role_first 0 all of it. */
static struct part front(struct form *f, struct part p)
{
    f->role_first = ends_with(p, f->user);
    return f->role_first ? (struct part){ p.text, p.n - f->user.n } : p;
}

/* A system message is always there: the given one, or the one that the template writes of
 * itself. */
static int fill_system(struct form *f, const struct tr__turns *t, const struct tr_modelfile *m)
{
    struct part bare = whole(t->bare), after = whole(t->after_system);
    f->takes_system = 1;
    f->head = whole(t->head);
    f->behind = front(f, after);
    if (m->system)
        f->message = whole(m->system);
    else if (starts_with(bare, f->head) && ends_with(bare, after) &&
             bare.n >= f->head.n + after.n)
        f->message = (struct part){ t->bare + f->head.n, bare.n - f->head.n - after.n };
    else
        return 0;
    return is_proven(f, t, m);
}

/* There is none, but what the template always writes. */
static int fill_bare(struct form *f, const struct tr__turns *t, const struct tr_modelfile *m)
{
    f->takes_system = 0;
    f->head = front(f, whole(t->bare));
    f->behind = f->message = (struct part){ "", 0 };
    return !m->system && is_proven(f, t, m);
}

/* 1 if one way is proven. */
static int fill(struct form *f, const struct tr__turns *t, const struct tr_modelfile *m,
                const struct tr__stops *stops)
{
    size_t all = strlen(t->to_next), end = ending(t->to_next, stops);
    size_t common = all - common_end(whole(t->to_next), whole(t->bare));
    size_t cut[] = { end && end < all ? end : common, common, end, 0 };
    int system = t->takes_system && !t->late;
    for (int bare = !system; bare < 2; bare++)
        for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
            cut_turns(f, t, cut[i]);
            if (bare ? fill_bare(f, t, m) : fill_system(f, t, m))
                return 1;
        }
    return 0;
}

/* ---- as JSON ---------------------------------------------------------------------- */

static void put_part(struct tr__put *o, const char *key, struct part p)
{
    tr__put(o, key, tr_json_text(p.text, p.n));
}

/* White space that ends two texts, so that roles look like roles. */
static size_t shared_space(struct part a, struct part b)
{
    size_t n = common_end(a, b), k = 0;
    while (k < n && strchr(" \n\t\r", a.text[a.n - 1 - k]))
        k++;
    return k;
}

/* Roles, and what stands between them and the texts: where an answer and what is to be
 * answered begin in different ways, the difference is there. */
static void put_roles(struct tr__put *o, const struct form *f)
{
    struct part user = f->user, answer = f->answer;
    size_t same = common_start(f->answer, f->prompt);
    size_t space = same == answer.n && same == f->prompt.n ? shared_space(user, answer) : 0;
    struct part role = { answer.text, same - space };
    struct part text = without_start(answer, role.n), empty = without_start(f->prompt, role.n);
    struct tr__put roles = { tr_json_object(), 0 };
    user.n -= text.n;
    put_part(&roles, "user", user);
    put_part(&roles, "assistant", role);
    put_part(&roles, "tool", user);
    tr__put_object(o, "roles", &roles);
    tr__put_json(o, "role_templates", "{\"user\": \"{user_message}\", \"assistant\": "
                 "\"{assistant_message}\", \"tool\": \"{tool_message}\"}");
    tr__put_json(o, "messages", "[]");
    put_part(o, "role_content_sep", text);
    put_part(o, "role_empty_sep", empty);
}

static void put_seps(struct tr__put *o, const struct form *f)
{
    struct tr_json *seps = tr_json_array();
    int two = f->sep[0].n != f->sep[1].n || memcmp(f->sep[0].text, f->sep[1].text,
                                                   f->sep[0].n);
    for (int i = 0; seps && i <= two; i++)
        o->failed |= tr_json_append(seps, tr_json_text(f->sep[i].text, f->sep[i].n)) != 0;
    tr__put(o, "seps", seps);
}

static void put_stops(struct tr__put *o, const struct tr__stops *stops)
{
    struct tr_json *text = tr_json_array(), *id = tr_json_array();
    for (size_t i = 0; text && id && i < stops->n; i++) {
        const struct tr__stop *s = &stops->stop[i];
        o->failed |= s->id < 0 ? tr_json_append(text, tr_json_text(s->text, strlen(s->text)))
                               : tr_json_append(id, tr_json_integer(s->id));
    }
    tr__put(o, "stop_str", text);
    tr__put(o, "stop_token_ids", id);
}

static void put_system(struct tr__put *o, const struct form *f)
{
    static const char place[] = "{system_message}";
    size_t n = f->head.n + f->behind.n + sizeof place;
    char *text = malloc(n);
    if (text) {
        snprintf(text, n, "%.*s%s%.*s", (int)f->head.n, f->head.text, place,
                 (int)f->behind.n, f->behind.text);
        tr__put_text(o, "system_template", text);
    }
    o->failed |= !text;
    free(text);
    put_part(o, "system_message", f->message);
}

static void put_bos(struct tr__put *o, const struct tr_tokenizer *tok)
{
    struct tr_json *ids = tr_json_array();
    int32_t bos = tr_tokenizer_add_bos(tok) ? tr_tokenizer_bos(tok) : -1;
    if (bos < 0) {
        tr_json_free(ids);
        tr__put_null(o, "system_prefix_token_ids");
        return;
    }
    o->failed |= ids && tr_json_append(ids, tr_json_integer(bos));
    tr__put(o, "system_prefix_token_ids", ids);
}

static void put_form(struct tr__put *to, const struct form *f, const char *name,
                     const struct tr_tokenizer *tok, const struct tr__stops *stops)
{
    struct tr__put o = { tr_json_object(), 0 };
    tr__put_text(&o, "name", name);
    put_system(&o, f);
    put_bos(&o, tok);
    tr__put_bool(&o, "add_role_after_system_message", f->role_first);
    put_roles(&o, f);
    put_seps(&o, f);
    put_stops(&o, stops);
    tr__put_bool(&o, "strip_reasoning_in_history", 0);
    tr__put_text(&o, "function_string", "");
    tr__put_bool(&o, "use_function_calling", 0);
    tr__put_object(to, "conv_template", &o);
}

/* ---- all -------------------------------------------------------------------------- */

static void warn(const struct form *f, const struct tr__turns *t,
                 void (*say)(void *ctx, const char *line), void *ctx)
{
    if (!f->takes_system && t->takes_system)
        say(ctx, "a conversation of MLC has a system message always or never, and the chat "
            "template writes none where there is none: this one never has; --system TEXT makes "
            "one that always has");
    if (t->dated)
        say(ctx, "the chat template writes the day: the conversation has the one on which it "
            "was made");
}

static int refuse(struct form *f, const struct tr__turns *t, const struct tr_modelfile *m,
                  const struct tr__stops *stops, struct tr_err *err)
{
    struct tr_modelfile with = *m;
    with.system = m->system ? m->system : "a system message";
    int would = !m->system && fill(f, t, &with, stops);
    return tr_err_set(err, TR_EUNSUPPORTED, "no conversation of MLC gives what the chat "
                      "template gives%s (%s--conv-template NAME takes another)",
                      m->system && !t->takes_system
                          ? ", which has no place for a system message" : "",
                      would ? "--system TEXT makes one with a system message, " : "");
}

int tr__mlc_chat(struct tr__put *o, const struct tr_modelfile *m,
                 const struct tr_tokenizer *tok, void (*say)(void *ctx, const char *line),
                 void *ctx, struct tr_err *err)
{
    struct tr__turns t = { 0 };
    struct tr__stops stops = { .n = 0 };
    struct form f = { { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 },
                      { { "", 0 }, { "", 0 } }, 1, 0 };
    char why[TR__WHY_BYTES];
    int found = tr__turns_find(&t, m, tok, why, err);
    int rc = found < 0 ? found : tr__stops_find(&stops, tok, &t, err);
    if (!rc && !m->chat) {
        say(ctx, "the model has no chat template: the conversation is plain, texts one after "
            "the other; --conv-template NAME makes another");
        f.message = whole(m->system ? m->system : "");
    } else if (!rc && !found) {
        rc = tr_err_set(err, TR_EUNSUPPORTED, "no conversation of MLC can be made of the chat "
                        "template: %s (--conv-template NAME takes another)", why);
    } else if (!rc && !fill(&f, &t, m, &stops)) {
        rc = refuse(&f, &t, m, &stops, err);
    } else if (!rc) {
        warn(&f, &t, say, ctx);
    }
    if (!rc)
        put_form(o, &f, m->chat ? "from-template" : "plain", tok, &stops);
    tr__stops_release(&stops);
    tr__turns_release(&t);
    return rc;
}
