/* SPDX-License-Identifier: MIT
 *
 * Places where a text may be cut, so that its pieces can be encoded by themselves.  What
 * such a place is between plain bytes the kind of the tokenizer knows; here it is kept away
 * from special tokens.
 */
#include <libtrain/tokenizer/kind.h>
#include <libtrain/tokenizer/special.h>

enum {
    WINDOW = 1024,     /* bytes in which a place is looked for */
    MAX_SPECIAL = 256, /* longest special token for which that is cheap */
    CHARACTER = 4      /* bytes of the longest */
};

/* 1 if no special token lies across `at` or ends in the character before it, whichever of
 * them are taken. */
static int is_plain(const struct tr__vocab *v, const char *text, size_t len, size_t at,
                    int all)
{
    struct tr__search s = { .v = v, .text = text, .all = all };
    if (!v->n_special_len || (!all && !v->has_user))
        return 1;
    if (v->strips && tr__is_space(text[at - 1]))
        return 0; /* it may belong to a token far in front, or far behind */
    size_t longest = v->special_len[0];
    if (longest > MAX_SPECIAL)
        return 0;
    size_t from = at < longest + CHARACTER ? 0 : at - longest - CHARACTER;
    size_t end = len - at < longest ? len : at + longest;
    return !tr__special_across(&s, from, at, at < CHARACTER ? 0 : at - CHARACTER, end);
}

static size_t cut_window(struct tr_encoder *e, const char *text, size_t len, size_t from,
                         int all)
{
    size_t end = len - from < WINDOW ? len : from + WINDOW;
    for (size_t n; from < end; from += n) {
        n = e->t->kind->cut(e, text + from, end - from);
        if (!n)
            break;
        if (is_plain(&e->t->vocab, text, len, from + n, all))
            return from + n;
    }
    return 0;
}

size_t tr__next_cut(struct tr_encoder *e, const char *text, size_t len, size_t from,
                    size_t piece, int all)
{
    while (len - from > piece) {
        from += piece;
        size_t at = cut_window(e, text, len, from, all);
        if (at)
            return at;
    }
    return len;
}
