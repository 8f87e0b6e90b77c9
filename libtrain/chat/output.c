/* SPDX-License-Identifier: MIT
 *
 * The rendering as it grows.  Macros, {% set %} blocks and {% filter %} blocks write at its
 * end like everything else, and then it is taken away from there as a string: no buffer of
 * their own.  Next: parser.c.
 */
#include <libtrain/chat/text.h>
#include <libtrain/chat/tree.h>

#include <libtrain/base/base.h>

#include <string.h>

static int full(struct tr__run *r)
{
    return tr__raise(r, "the rendering is longer than %d MiB", TR_CHAT_MAX_OUTPUT >> 20);
}

static int put_range(struct tr__run *r, size_t start, size_t end)
{
    struct tr_chat_text *t = r->out;
    struct tr_chat_range *last = t->n_data ? &t->data[t->n_data - 1] : NULL;
    if (last && last->end == start) {
        last->end = end;
        return 0;
    }
    if (tr__grow(&t->data, &t->cap_data, t->n_data + 1, sizeof *t->data))
        return tr__out_of_room(r);
    t->data[t->n_data++] = (struct tr_chat_range){ start, end };
    return 0;
}

static int put_ranges(struct tr__run *r, const struct tr__val *s)
{
    size_t at = r->out->n;
    const struct tr__marks *m = s->more;
    if (s->origin == TR__DATA && s->n)
        return put_range(r, at, at + s->n);
    for (size_t i = 0; s->origin == TR__BOTH && i < m->n; i++)
        if (put_range(r, at + m->at[i].start, at + m->at[i].end))
            return r->err->code;
    return 0;
}

int tr__emit(struct tr__run *r, const struct tr__val *v)
{
    struct tr__val s;
    struct tr_chat_text *t = r->out;
    if (tr__to_str(r, v, &s) || tr__steps(r, s.n / 256) || put_ranges(r, &s))
        return r->err->code;
    if (s.n > TR_CHAT_MAX_OUTPUT - t->n)
        return full(r);
    if (tr__grow(&t->text, &t->cap, t->n + s.n + 1, 1))
        return tr__out_of_room(r);
    if (s.n)
        memcpy(t->text + t->n, s.as.s, s.n);
    t->n += s.n;
    return 0;
}

int tr__capture(struct tr__run *r, size_t from, struct tr__val *out)
{
    struct tr_chat_text *t = r->out;
    struct tr__build b;
    size_t at = from, keep = t->n_data;
    while (keep > 0 && t->data[keep - 1].start >= from)
        keep--;
    tr__build_begin(&b, r);
    /* A range that the string continues has its beginning in front of `from`. */
    struct tr_chat_range *cut = keep > 0 && t->data[keep - 1].end > from ?
                                    &t->data[keep - 1] : NULL;
    if (cut) {
        tr__put(&b, t->text + from, cut->end - from, 1);
        at = cut->end;
        cut->end = from;
    }
    for (size_t i = keep; i < t->n_data; i++) {
        tr__put(&b, t->text + at, t->data[i].start - at, 0);
        at = t->data[i].end;
        tr__put(&b, t->text + t->data[i].start, at - t->data[i].start, 1);
    }
    if (t->n > at)
        tr__put(&b, t->text + at, t->n - at, 0);
    t->n = from;
    t->n_data = keep;
    return tr__build_done(&b, out);
}
