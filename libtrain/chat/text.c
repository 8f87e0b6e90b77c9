/* SPDX-License-Identifier: MIT
 *
 * Strings and where their bytes came from.  A user may write "<|im_end|>"; whoever encodes
 * the rendering must know that this one is text and the template's is a token, so bytes
 * keep their origin through everything that is done to strings.  Nearly all strings are of
 * one origin, which is a number in the value; only mixed ones have ranges.
 *
 * A string that was made last grows in place: `a + b + c` and text that is collected piece
 * by piece in a loop copy each byte once.  Next: find.c, output.c.
 */
#include <libtrain/chat/text.h>

#include <string.h>

void tr__build_begin(struct tr__build *b, struct tr__run *r)
{
    *b = (struct tr__build){ .r = r };
}

int tr__build_fail(struct tr__build *b, int code)
{
    b->failed = code;
    return code;
}

static void put_mark(struct tr__build *b, size_t start, size_t end)
{
    struct tr_chat_range *last = b->n_mark ? &b->mark[b->n_mark - 1] : NULL;
    if (b->failed || start == end)
        return;
    if (last && last->end == start) {
        last->end = end;
        return;
    }
    if (b->n_mark == b->cap_mark) {
        size_t cap = b->cap_mark ? 2 * b->cap_mark : 4;
        struct tr_chat_range *more = tr__alloc(b->r, cap, sizeof *more);
        if (!more) {
            tr__build_fail(b, TR_ENOMEM);
            return;
        }
        if (b->n_mark)
            memcpy(more, b->mark, b->n_mark * sizeof *more);
        b->mark = more;
        b->cap_mark = cap;
    }
    b->mark[b->n_mark++] = (struct tr_chat_range){ start, end };
}

/* Marks of s within [from, to), as they fall when those bytes are put at `at`. */
static void put_marks(struct tr__build *b, const struct tr__val *s, size_t from, size_t to,
                      size_t at)
{
    const struct tr__marks *m = s->more;
    if (s->origin == TR__DATA)
        put_mark(b, at, at + (to - from));
    for (size_t i = 0; s->origin == TR__BOTH && i < m->n && m->at[i].start < to; i++)
        if (m->at[i].end > from) {
            size_t start = m->at[i].start > from ? m->at[i].start : from;
            size_t end = m->at[i].end < to ? m->at[i].end : to;
            put_mark(b, at + (start - from), at + (end - from));
        }
}

void tr__mark_since(struct tr__build *b, size_t from)
{
    while (b->n_mark && b->mark[b->n_mark - 1].start >= from)
        b->n_mark--;
    if (b->n_mark && b->mark[b->n_mark - 1].end > from)
        b->mark[b->n_mark - 1].end = from;
    put_mark(b, from, b->n);
}

void tr__build_adopt(struct tr__build *b, struct tr__run *r, const struct tr__val *s)
{
    *b = (struct tr__build){ .r = r };
    if (s->n && s->as.s + s->n == r->bytes->at) {
        b->s = (char *)s->as.s;
        b->n = b->cap = s->n;
        put_marks(b, s, 0, s->n, 0);
    } else
        tr__put_str(b, s);
}

/* Room for n more bytes, in place if nothing was made since. */
static char *room(struct tr__build *b, size_t n)
{
    struct tr__pool *p = b->r->bytes;
    if (b->failed)
        return NULL;
    if (n > b->cap - b->n) {
        if (b->s && b->s + b->cap == p->at && n <= (size_t)(p->end - p->at)) {
            tr__pool_bytes(p, n - (b->cap - b->n));
            b->cap = b->n + n;
        } else {
            size_t want = n > SIZE_MAX / 4 ? SIZE_MAX / 2 : b->n + n;
            char *s = tr__pool_bytes(p, want);
            if (!s) {
                tr__build_fail(b, tr__out_of_room(b->r));
                return NULL;
            }
            if (b->n)
                memcpy(s, b->s, b->n);
            b->s = s;
            b->cap = want;
            if (tr__steps(b->r, b->n / 512))
                b->failed = TR_EFORMAT;
        }
    }
    return b->failed ? NULL : b->s + b->n;
}

static void put_bytes(struct tr__build *b, const char *s, size_t n)
{
    char *to = room(b, n);
    if (!to)
        return;
    if (n)
        memcpy(to, s, n);
    b->n += n;
    if (tr__steps(b->r, n / 512))
        b->failed = TR_EFORMAT;
}

void tr__put(struct tr__build *b, const char *s, size_t n, int data)
{
    if (data)
        put_mark(b, b->n, b->n + n);
    put_bytes(b, s, n);
}

void tr__put_ours(struct tr__build *b, const char *s)
{
    put_bytes(b, s, strlen(s));
}

void tr__put_char(struct tr__build *b, uint32_t c, int data)
{
    char bytes[4];
    tr__put(b, bytes, tr__char_put(c, bytes), data);
}

void tr__put_part(struct tr__build *b, const struct tr__val *s, size_t from, size_t to)
{
    put_marks(b, s, from, to, b->n);
    put_bytes(b, s->as.s + from, to - from);
}

void tr__put_str(struct tr__build *b, const struct tr__val *s)
{
    tr__put_part(b, s, 0, s->n);
}

/* A list or dict of the row is data with its brackets, commas and numbers. */
static void print(struct tr__build *b, const struct tr__val *v, int repr)
{
    const struct tr__type *type = tr__type(b->r, v);
    size_t from = b->n;
    if (!type->print) {
        tr__build_fail(b, tr__raise(b->r, "%s cannot be printed", type->name));
        return;
    }
    type->print(b, v, repr);
    if (!tr__is_str(v) && v->origin == TR__DATA)
        tr__mark_since(b, from);
}

void tr__put_value(struct tr__build *b, const struct tr__val *v)
{
    if (b->failed || (tr__steps(b->r, 1) && tr__build_fail(b, TR_EFORMAT)))
        return;
    if (tr__is_str(v))
        tr__put_str(b, v);
    else
        print(b, v, 0);
}

void tr__put_repr(struct tr__build *b, const struct tr__val *v)
{
    if (!b->failed && !(tr__steps(b->r, 1 + v->n / 64) && tr__build_fail(b, TR_EFORMAT)))
        print(b, v, 1);
}

void tr__put_escaped(struct tr__build *b, const struct tr__val *s)
{
    size_t from = 0;
    if (tr__steps(b->r, s->n / 64))
        tr__build_fail(b, TR_EFORMAT);
    for (size_t i = 0; i < s->n && !b->failed; i++) {
        char c = s->as.s[i];
        const char *e = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" :
                        c == '\'' ? "&#39;" : c == '"' ? "&#34;" : NULL;
        if (!e)
            continue;
        tr__put_part(b, s, from, i);
        tr__put(b, e, strlen(e), tr__is_data(s, i));
        from = i + 1;
    }
    tr__put_part(b, s, from, s->n);
}

/* Ranges as the value has them: none, all, or a list of its own. */
static int set_origin(struct tr__build *b, struct tr__val *out)
{
    if (b->n_mark == 0)
        return 0;
    if (b->n_mark == 1 && b->mark[0].start == 0 && b->mark[0].end == b->n) {
        out->origin = TR__DATA;
        return 0;
    }
    struct tr__marks *m = tr__pool_get(b->r->cells,
                                       sizeof *m + b->n_mark * sizeof *m->at);
    if (!m)
        return tr__out_of_room(b->r);
    m->n = b->n_mark;
    memcpy(m->at, b->mark, b->n_mark * sizeof *m->at);
    out->origin = TR__BOTH;
    out->more = m;
    return 0;
}

int tr__build_done(struct tr__build *b, struct tr__val *out)
{
    if (b->failed)
        return b->failed;
    *out = tr__str(b->s ? b->s : "", b->n, TR__OURS);
    return set_origin(b, out);
}

int tr__to_str(struct tr__run *r, const struct tr__val *v, struct tr__val *out)
{
    struct tr__build b;
    if (tr__is_str(v)) {
        *out = *v;
        return 0;
    }
    tr__build_begin(&b, r);
    tr__put_value(&b, v);
    return tr__build_done(&b, out);
}

int tr__part(struct tr__run *r, const struct tr__val *s, size_t from, size_t to,
             struct tr__val *out)
{
    struct tr__build b = { .r = r };
    struct tr__val part = tr__str(s->as.s + from, to - from, s->origin);
    part.safe = s->safe;
    if (s->origin == TR__BOTH) {
        part.origin = TR__OURS;
        put_marks(&b, s, from, to, 0);
        b.n = to - from;
        if (b.failed || set_origin(&b, &part))
            return b.failed ? b.failed : TR_ENOMEM;
    }
    *out = part;
    return 0;
}

int tr__is_data(const struct tr__val *s, size_t i)
{
    const struct tr__marks *m = s->more;
    if (s->origin != TR__BOTH)
        return s->origin == TR__DATA;
    for (size_t k = 0; k < m->n && m->at[k].start <= i; k++)
        if (i < m->at[k].end)
            return 1;
    return 0;
}

/* Markup escapes what is added to it, on either side. */
int tr__concat(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
               struct tr__val *out)
{
    struct tr__build t;
    int safe = a->safe || b->safe;
    if (safe && !a->safe) {
        tr__build_begin(&t, r);
        tr__put_escaped(&t, a);
    } else
        tr__build_adopt(&t, r, a);
    if (safe && !b->safe)
        tr__put_escaped(&t, b);
    else
        tr__put_str(&t, b);
    if (tr__build_done(&t, out))
        return t.failed ? t.failed : TR_ENOMEM;
    out->safe = (uint8_t)safe;
    return 0;
}
