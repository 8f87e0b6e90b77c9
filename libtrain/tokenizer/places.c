/* SPDX-License-Identifier: MIT
 *
 * Places of a text: the bytes that each id stands for, so that what is trained can be told
 * by them, and the ranges in which control tokens are plain text.  encode.c asks here while
 * it encodes.
 */
#include <libtrain/base/base.h>
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/special.h>

#include <string.h>

/* ---- where ids stand -------------------------------------------------------------- */

int tr__note(struct tr_encoder *e, size_t from, size_t to)
{
    struct tr_text_ranges *w = e->where;
    if (tr__grow(&w->at, &w->cap, w->n + 1, sizeof *w->at))
        return tr_err_set(e->err, TR_ENOMEM, "out of memory for %zu tokens", w->n + 1);
    w->at[w->n++] = (struct tr_text_range){ from, to };
    return 0;
}

/* Bytes of the text at p that the bytes of a token stand for: a space in it may be written as
 * U+2581. */
static size_t width(struct tr_str token, const char *p, size_t left, int spm)
{
    static const char space[] = "\xe2\x96\x81";
    if (!spm)
        return token.len;
    size_t at = 0;
    for (size_t i = 0; i < token.len; i++)
        at += token.ptr[i] == ' ' && at + 3 <= left && !memcmp(p + at, space, 3) ? 3 : 1;
    return at;
}

int tr__note_text(struct tr_encoder *e, size_t first, size_t from, size_t to, int spaced)
{
    const struct tr__vocab *v = &e->t->vocab;
    int spm = e->t->joint != NULL, rc = 0;
    for (size_t i = first; i < e->out->n && !rc; i++) {
        struct tr_str token = tr__vocab_bytes(v, e->out->id[i]);
        token.ptr += spaced && i == first;
        token.len -= spaced && i == first;
        size_t n = width(token, e->text + from, to - from, spm);
        if (n > to - from)
            break;
        rc = tr__note(e, from, from + n);
        from += n;
    }
    if (!rc && from != to)
        return tr_err_set(e->err, TR_EFORMAT, "the tokens of a text do not spell it, at "
                          "byte %zu", from);
    return rc;
}

/* ---- special tokens outside of what is literal ------------------------------------- */

static int is_literal(const struct tr_encoder *e, size_t byte)
{
    size_t low = 0, high = e->n_literal; /* the first range that ends behind `byte` */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->literal[mid].end <= byte)
            low = mid + 1;
        else
            high = mid;
    }
    return low < e->n_literal && e->literal[low].start <= byte;
}

static int may_stand(void *ctx, size_t at, uint32_t id)
{
    const struct tr_encoder *e = ctx;
    const struct tr__vocab *v = &e->t->vocab;
    return v->type[id] == TR__TOKEN_USER ||
           (!is_literal(e, at) && !is_literal(e, at + tr__vocab_bytes(v, id).len - 1));
}

/* Count what is spelt in e->text[from, to) and may not stand there, as if it might. */
static void count_spelt(struct tr_encoder *e, size_t from, size_t to)
{
    struct tr__search s = { .v = &e->t->vocab, .text = e->text, .all = 1 };
    uint32_t id = 0;
    for (size_t at = from; (at = tr__special_next(&s, at, to, &id)) < to;) {
        if (!may_stand(e, at, id)) {
            e->n_spelt++;
            e->spelt = id;
        }
        at += tr__vocab_bytes(s.v, id).len;
    }
}

size_t tr__find_outside(struct tr_encoder *e, size_t from, size_t to, int all, uint32_t *id)
{
    struct tr__search s = { .v = &e->t->vocab, .text = e->text, .all = all,
                            .may = e->n_literal ? may_stand : NULL, .ctx = e };
    size_t at = tr__special_next(&s, from, to, id);
    if (e->n_literal && all)
        count_spelt(e, from, at);
    return at;
}
