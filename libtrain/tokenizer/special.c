/* SPDX-License-Identifier: MIT
 *
 * Special tokens that a text spells.  Where two of them overlap, llama.cpp takes the longer
 * one, wherever it begins, then the one with the lower id, then the left one: it looks for
 * each token in the whole of what no longer one has taken.  To find the first that is taken
 * not the whole text is looked at, but what overlaps: one that beats all that overlap it is
 * taken, and from any other a better one that overlaps it leads there.  (Of tokens of one
 * length llama.cpp's order is that of an unstable sort; up to 16 special tokens it is that
 * of ids.)
 */
#include <libtrain/tokenizer/special.h>

struct spelt { /* a special token at a place */
    size_t at, len; /* 0: none */
    uint32_t id;
};

/* The longest token of `least` bytes or more at p that ends at `end` at most. */
static struct spelt longest(const struct tr__search *s, size_t at, size_t end, size_t least)
{
    const struct tr__vocab *v = s->v;
    unsigned char first = (unsigned char)s->text[at];
    if (!(v->special_first[first] & (s->all ? 2 : 1)))
        return (struct spelt){ 0 };
    for (size_t i = 0; i < v->n_special_len && v->special_len[i] >= least; i++) {
        size_t len = v->special_len[i];
        if (len > end - at)
            continue;
        int32_t id = tr__idmap_find(&v->special, v, s->text + at, len);
        if (id >= 0 && (s->all || v->type[id] == TR__TOKEN_USER) &&
            (!s->may || s->may(s->ctx, at, (uint32_t)id)))
            return (struct spelt){ at, len, (uint32_t)id };
    }
    return (struct spelt){ 0 };
}

static struct spelt leftmost(const struct tr__search *s, size_t from, size_t end)
{
    const uint8_t *first = s->v->special_first;
    uint8_t bit = s->all ? 2 : 1;
    for (; from < end; from++) {
        if (!(first[(unsigned char)s->text[from]] & bit)) /* nearly always */
            continue;
        struct spelt found = longest(s, from, end, 1);
        if (found.len)
            return found;
    }
    return (struct spelt){ 0 };
}

static int beats(struct spelt a, struct spelt b)
{
    return a.len != b.len ? a.len > b.len : a.id != b.id ? a.id < b.id : a.at < b.at;
}

/* The best of x and of what overlaps it in [from, end). */
static struct spelt best_over(const struct tr__search *s, struct spelt x, size_t from,
                              size_t end)
{
    size_t most = s->v->special_len[0] - 1;
    struct spelt best = x;
    for (size_t p = x.at - from < most ? from : x.at - most; p < x.at + x.len; p++) {
        struct spelt found = longest(s, p, end, best.len);
        if (found.len && found.at + found.len > x.at && beats(found, best))
            best = found;
    }
    return best;
}

/* The token that is taken where x is one of those that overlap. */
static struct spelt taken_near(const struct tr__search *s, struct spelt x, size_t from,
                               size_t end)
{
    for (;;) {
        struct spelt best = best_over(s, x, from, end);
        if (best.at == x.at && best.id == x.id)
            return x;
        x = best;
    }
}

size_t tr__special_next(const struct tr__search *s, size_t from, size_t end, uint32_t *id)
{
    struct spelt taken = { .at = end };
    if (!s->v->n_special_len || (!s->all && !s->v->has_user))
        return end;
    for (;;) { /* what is left of one that is taken is a text of its own */
        struct spelt x = leftmost(s, from, taken.at);
        if (!x.len)
            break;
        taken = taken_near(s, x, from, taken.at);
        if (taken.at == x.at)
            break;
    }
    *id = taken.id;
    return taken.at;
}

int tr__special_across(const struct tr__search *s, size_t from, size_t at, size_t behind,
                       size_t end)
{
    for (; from < at; from++)
        if (longest(s, from, end, from < behind ? behind - from + 1 : 1).len)
            return 1;
    return 0;
}

/* As isspace in the C locale. */
int tr__is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t tr__strip_behind(const struct tr__vocab *v, uint32_t id, const char *p, size_t left)
{
    size_t n = 0;
    if (v->role[id] & TR__ROLE_STRIPS)
        while (n < left && tr__is_space(p[n]))
            n++;
    return n;
}

size_t tr__strip_before(const struct tr__vocab *v, uint32_t id, const char *p, size_t len)
{
    if (v->role[id] & TR__ROLE_STRIPS_LEFT)
        while (len && tr__is_space(p[len - 1]))
            len--;
    return len;
}
