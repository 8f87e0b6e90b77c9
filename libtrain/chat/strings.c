/* SPDX-License-Identifier: MIT
 *
 * Strip, replace, join, pad and the case of strings.  Next: split.c.
 */
#include <libtrain/chat/strings.h>
#include <libtrain/chat/unicode.h>

#include <string.h>

static int in_set(const struct tr__val *set, const char *c, size_t n)
{
    size_t len;
    for (size_t i = 0; i < set->n; i += len) {
        tr__char_at(set->as.s + i, set->as.s + set->n, &len);
        if (len == n && memcmp(set->as.s + i, c, n) == 0)
            return 1;
    }
    return 0;
}

int tr__strip(struct tr__run *r, const struct tr__val *s, const struct tr__val *chars,
              int left, int right, struct tr__val *out)
{
    size_t from = 0, to = s->n, n;
    if (chars->kind != TR__STR) {
        if (!tr__absent(chars))
            return tr__raise(r, "strip of %s", tr__type(r, chars)->name);
        from = left ? tr__space_left(s->as.s, s->n) : 0;
        to -= right ? tr__space_right(s->as.s + from, s->n - from) : 0;
        return tr__part(r, s, from, to, out);
    }
    while (left && from < to) {
        tr__char_at(s->as.s + from, s->as.s + to, &n);
        if (tr__steps(r, 1 + chars->n / 4))
            return r->err->code;
        if (!in_set(chars, s->as.s + from, n))
            break;
        from += n;
    }
    while (right && from < to) {
        tr__char_before(s->as.s, to, &n);
        if (tr__steps(r, 1 + chars->n / 4))
            return r->err->code;
        if (!in_set(chars, s->as.s + to - n, n))
            break;
        to -= n;
    }
    return tr__part(r, s, from, to, out);
}

static int done(struct tr__build *b, const struct tr__val *s, struct tr__val *out)
{
    if (tr__build_done(b, out))
        return b->r->err->code;
    out->safe = s->safe;
    return 0;
}

/* Nothing is found in front of each character and at the end. */
static void replace_nothing(struct tr__build *b, const struct tr__val *s,
                            const struct tr__val *new, int64_t most, size_t *from)
{
    size_t n = 0;
    for (; most != 0 && !b->failed; most -= most > 0) {
        tr__put_str(b, new);
        if (*from == s->n)
            break;
        tr__char_at(s->as.s + *from, s->as.s + s->n, &n);
        tr__put_part(b, s, *from, *from + n);
        *from += n;
        if (tr__steps(b->r, 1))
            tr__build_fail(b, TR_EFORMAT);
    }
}

int tr__replace(struct tr__run *r, const struct tr__val *s, const struct tr__val *old,
                const struct tr__val *new, int64_t most, struct tr__val *out)
{
    struct tr__build b;
    size_t from = 0, at;
    tr__build_begin(&b, r);
    if (tr__steps(r, s->n / 32))
        return r->err->code;
    if (old->n == 0)
        replace_nothing(&b, s, new, most, &from);
    while (old->n && most != 0 && !b.failed && (at = tr__find(s, from, old)) != SIZE_MAX) {
        tr__put_part(&b, s, from, at);
        tr__put_str(&b, new);
        from = at + old->n;
        most -= most > 0;
        if (tr__steps(r, 1))
            return r->err->code;
    }
    tr__put_part(&b, s, from, s->n);
    return done(&b, s, out);
}

static void put_case(struct tr__build *b, const struct tr__val *s, size_t at, size_t n,
                     enum tr__case how)
{
    uint32_t to[3], c = tr__char_at(s->as.s + at, s->as.s + s->n, &n);
    size_t k = tr__char_case(c, how, to), len;
    if (c == 0x3a3 && how == TR__CASE_LOWER && at > 0 && /* sigma at the end of a word */
        tr__is_cased(tr__char_before(s->as.s, at, &len)) &&
        (at + n >= s->n || !tr__is_cased(tr__char_at(s->as.s + at + n, s->as.s + s->n,
                                                     &len))))
        to[0] = 0x3c2;
    for (size_t i = 0; i < k; i++)
        tr__put_char(b, to[i], tr__is_data(s, at));
}

/* ASCII in one go: the bytes change, not their number. */
static int ascii_case(struct tr__run *r, const struct tr__val *s, enum tr__case how,
                      struct tr__val *out)
{
    char *to = tr__pool_bytes(r->bytes, s->n), from = how == TR__CASE_LOWER ? 'A' : 'a';
    if (!to)
        return tr__out_of_room(r);
    for (size_t i = 0; i < s->n; i++) {
        char c = s->as.s[i];
        to[i] = c >= from && c <= from + 25 ? (char)(c ^ 0x20) : c;
    }
    *out = *s;
    out->as.s = to;
    return tr__steps(r, s->n / 32);
}

int tr__all_case(struct tr__run *r, const struct tr__val *s, enum tr__case how,
                 struct tr__val *out)
{
    struct tr__build b;
    size_t n, i = 0;
    while (i < s->n && !((unsigned char)s->as.s[i] & 0x80))
        i++;
    if (i == s->n)
        return ascii_case(r, s, how, out);
    if (tr__steps(r, s->n))
        return r->err->code;
    tr__build_begin(&b, r);
    for (i = 0; i < s->n && !b.failed; i += n) {
        tr__char_at(s->as.s + i, s->as.s + s->n, &n);
        put_case(&b, s, i, n, how);
    }
    return done(&b, s, out);
}

static int never(uint32_t before)
{
    (void)before;
    return 0;
}

int tr__words_case(struct tr__run *r, const struct tr__val *s, enum tr__case how,
                   int (*begins)(uint32_t before), struct tr__val *out)
{
    struct tr__build b;
    uint32_t before = 0;
    size_t n;
    if (tr__steps(r, s->n))
        return r->err->code;
    tr__build_begin(&b, r);
    for (size_t i = 0; i < s->n && !b.failed; i += n) {
        uint32_t c = tr__char_at(s->as.s + i, s->as.s + s->n, &n);
        put_case(&b, s, i, n, i == 0 || begins(before) ? how : TR__CASE_LOWER);
        before = c;
    }
    return done(&b, s, out);
}

int tr__capitalize(struct tr__run *r, const struct tr__val *s, struct tr__val *out)
{
    return tr__words_case(r, s, TR__CASE_TITLE, never, out);
}

int tr__join(struct tr__run *r, const struct tr__val *s, const struct tr__val *list,
             int only_strings, struct tr__val *out)
{
    struct tr__build b;
    struct tr__iter it = { *list, 0 };
    struct tr__val item;
    int rc, first = 1;
    if (tr__iterable(r, list))
        return r->err->code;
    tr__build_begin(&b, r);
    while (!b.failed && (rc = tr__next(r, &it, &item)) != 0) {
        if (rc < 0)
            return rc;
        if (only_strings && !tr__is_str(&item))
            return tr__raise(r, "join of %s, not a string", tr__type(r, &item)->name);
        if (!first)
            tr__put_str(&b, s);
        first = 0;
        if (s->safe && only_strings && !item.safe)
            tr__put_escaped(&b, &item);
        else
            tr__put_value(&b, &item);
    }
    return done(&b, s, out);
}

int tr__pad(struct tr__run *r, const struct tr__val *s, const struct tr__val *fill,
            int64_t left, int64_t right, struct tr__val *out)
{
    struct tr__build b;
    struct tr__val blank = tr__str(" ", 1, TR__OURS);
    if (fill->kind == TR__MISSING)
        fill = &blank;
    if (!tr__is_str(fill) || tr__char_count(fill->as.s, fill->n) != 1)
        return tr__raise(r, "a string is filled up with one character");
    tr__build_begin(&b, r);
    if ((left > 0 && tr__steps(r, (uint64_t)left / 8)) ||
        (right > 0 && tr__steps(r, (uint64_t)right / 8)))
        return r->err->code;
    for (; left > 0 && !b.failed; left--)
        tr__put_str(&b, fill);
    tr__put_str(&b, s);
    for (; right > 0 && !b.failed; right--)
        tr__put_str(&b, fill);
    return done(&b, s, out);
}
