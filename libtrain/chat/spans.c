/* SPDX-License-Identifier: MIT
 *
 * Which bytes a message gave.  A template says nothing about that, so it is found by
 * rendering beginnings of the conversation: as long as later messages leave earlier text as
 * it is, the rendering of i messages is where message i begins.  Where a beginning is no
 * beginning of the whole, nothing is guessed: tags that one could look for stand in users'
 * own text too.  Next: named.c.
 */
#include <libtrain/chat/conversation.h>

#include <libtrain/base/base.h>
#include <libtrain/json.h>

#include <string.h>

struct spans {
    struct tr__run run; /* renders into out->memory->other */
    struct tr__conversation talk;
    struct tr__pool_mark cells, bytes; /* behind the conversation */
    const struct tr_chat_text *whole;
    int apart; /* the whole ends with the message that is looked for */
    struct tr_err err;
};

/* The length of the rendering of n messages if the whole begins with it; -1 if it does not,
 * or the template refuses it; below that a failure. */
static int64_t beginning(struct spans *s, size_t n, int prompt)
{
    struct tr_chat_text *t = s->run.out;
    struct tr__val is = tr__bool(prompt);
    int rc = tr__render(&s->run, &s->talk, n, &is);
    tr__pool_rewind(s->run.cells, s->cells);
    tr__pool_rewind(s->run.bytes, s->bytes);
    if (rc && s->err.code == TR_ENOMEM)
        return TR_ENOMEM - 1;
    s->err.code = 0;
    if (rc || t->n > s->whole->n || (t->n && memcmp(t->text, s->whole->text, t->n) != 0))
        return -1;
    return (int64_t)t->n;
}

/* Where message i begins: behind the prompt, or failing that behind the message before. */
static int64_t start_of(struct spans *s, size_t i)
{
    int64_t at = beginning(s, i, 1);
    return at == -1 ? beginning(s, i, 0) : at;
}

static int find_turn(struct spans *s, size_t i, size_t n, struct tr_chat_turn *turn)
{
    int64_t end, start;
    /* The whole ends with it: it is to be continued, or nothing invites another turn. */
    int last = i + 1 == n && (s->talk.ending.kind != TR__MISSING ||
                              !tr__truth(&s->run, &s->talk.prompt));
    end = last || s->apart ? (int64_t)s->whole->n : beginning(s, i + 1, 0);
    start = end < 0 ? end : start_of(s, i);
    if (end < -1 || start < -1)
        return tr_err_set(&s->err, TR_ENOMEM, "no memory for a rendering");
    turn->known = start >= 0 && start <= end;
    if (turn->known) {
        turn->start = (size_t)start;
        turn->end = (size_t)end;
    }
    return 0;
}

static int begin(struct spans *s, const struct tr_chat *c, const struct tr_json *row,
                 const struct tr_json *args, int64_t now, struct tr_chat_text *out)
{
    s->err = (struct tr_err){ 0 };
    s->whole = out;
    s->apart = 0;
    if (tr__begin(&s->run, c, out, now, &s->err) ||
        tr__conversation(&s->run, row, args, &s->talk))
        return s->err.code;
    s->run.out = &out->memory->other;
    s->cells = tr__pool_mark(s->run.cells);
    s->bytes = tr__pool_mark(s->run.bytes);
    size_t n = s->talk.messages.n;
    if (tr__grow(&out->turn, &out->cap_turn, n, sizeof *out->turn))
        return tr_err_sys(&s->err, "turns");
    out->n_turn = n;
    if (n)
        memset(out->turn, 0, n * sizeof *out->turn);
    return 0;
}

static int done(struct spans *s, int rc, struct tr_err *err)
{
    if (rc)
        tr_err_set(err, s->err.code, "%s", s->err.text);
    return rc ? s->err.code : 0;
}

int tr_chat_turns(const struct tr_chat *c, const struct tr_json *row,
                  const struct tr_json *args, int64_t now, const unsigned char *want,
                  struct tr_chat_text *out, struct tr_err *err)
{
    struct spans s;
    int rc = begin(&s, c, row, args, now, out);
    for (size_t i = 0; !rc && i < out->n_turn; i++)
        if (want[i])
            rc = find_turn(&s, i, out->n_turn, &out->turn[i]);
    return done(&s, rc, err);
}

int tr_chat_turn_apart(const struct tr_chat *c, const struct tr_json *row,
                       const struct tr_json *args, int64_t now, size_t i,
                       struct tr_chat_text *out, struct tr_err *err)
{
    struct spans s;
    const struct tr__val no = tr__bool(0);
    int rc = begin(&s, c, row, args, now, out);
    if (!rc && i >= out->n_turn)
        rc = tr_err_set(&s.err, TR_EINVAL, "message %zu of %zu", i, out->n_turn);
    if (!rc) {
        s.run.out = out;
        s.apart = 1;
        rc = tr__render(&s.run, &s.talk, i + 1, &no);
        if (!rc && i + 1 == out->n_turn && s.talk.ending.kind != TR__MISSING)
            rc = tr__cut_at_tag(&s.run, &s.talk);
        s.run.out = &out->memory->other;
        tr__pool_rewind(s.run.cells, s.cells);
        tr__pool_rewind(s.run.bytes, s.bytes);
    }
    if (!rc)
        rc = find_turn(&s, i, out->n_turn, &out->turn[i]);
    return done(&s, rc, err);
}
