/* SPDX-License-Identifier: MIT
 *
 * Strings in parts.  Next: methods_str.c.
 */
#include <libtrain/chat/strings.h>
#include <libtrain/chat/unicode.h>

static int add_part(struct tr__run *r, struct tr__growing *list, const struct tr__val *s,
                    size_t from, size_t to)
{
    struct tr__val part;
    if (tr__steps(r, 1) || tr__part(r, s, from, to, &part))
        return r->err->code;
    return tr__add(r, list, &part);
}

static int split_space(struct tr__run *r, const struct tr__val *s, int64_t most,
                       struct tr__growing *list)
{
    size_t at = tr__space_left(s->as.s, s->n), end, n;
    while (at < s->n) {
        if (most-- == 0)
            return add_part(r, list, s, at, s->n);
        for (end = at; end < s->n; end += n)
            if (tr__char_is_space(tr__char_at(s->as.s + end, s->as.s + s->n, &n)))
                break;
        if (add_part(r, list, s, at, end))
            return r->err->code;
        at = end + tr__space_left(s->as.s + end, s->n - end);
    }
    return 0;
}

static int check(struct tr__run *r, const struct tr__val *s, const struct tr__val *by)
{
    if (!tr__absent(by) && !tr__is_str(by))
        return tr__raise(r, "split at %s", tr__type(r, by)->name);
    if (tr__is_str(by) && by->n == 0)
        return tr__raise(r, "split at an empty string");
    return tr__steps(r, s->n / 32);
}

int tr__split(struct tr__run *r, const struct tr__val *s, const struct tr__val *by,
              int64_t most, struct tr__val *out)
{
    struct tr__growing list = { 0 };
    size_t from = 0, at;
    if (check(r, s, by))
        return r->err->code;
    if (!tr__is_str(by)) {
        if (split_space(r, s, most, &list))
            return r->err->code;
        return tr__list(r, TR__LIST, list.item, list.n, out);
    }
    for (; most != 0 && (at = tr__find(s, from, by)) != SIZE_MAX; from = at + by->n) {
        if (add_part(r, &list, s, from, at))
            return r->err->code;
        most -= most > 0;
    }
    if (add_part(r, &list, s, from, s->n))
        return r->err->code;
    return tr__list(r, TR__LIST, list.item, list.n, out);
}

/* Found from the right, and turned round in the end. */
int tr__split_right(struct tr__run *r, const struct tr__val *s, const struct tr__val *by,
                    int64_t most, struct tr__val *out)
{
    struct tr__growing list = { 0 };
    size_t to = s->n, at;
    if (most < 0)
        return tr__split(r, s, by, most, out);
    if (check(r, s, by))
        return r->err->code;
    if (!tr__is_str(by))
        return tr__raise(r, "rsplit at white space with a number is not supported");
    for (; most > 0 && (at = tr__find_last(r, s, to, by)) != SIZE_MAX; to = at, most--)
        if (add_part(r, &list, s, at + by->n, to))
            return r->err->code;
    if (add_part(r, &list, s, 0, to))
        return r->err->code;
    for (size_t i = 0; i < list.n / 2; i++) {
        struct tr__val swap = list.item[i];
        list.item[i] = list.item[list.n - 1 - i];
        list.item[list.n - 1 - i] = swap;
    }
    return tr__list(r, TR__LIST, list.item, list.n, out);
}

int tr__split_lines(struct tr__run *r, const struct tr__val *s, int ends,
                    struct tr__val *out)
{
    struct tr__growing list = { 0 };
    size_t from = 0, n;
    for (size_t i = 0; i < s->n; i += n) {
        const char *p = s->as.s + i, *end = s->as.s + s->n;
        if (!tr__is_line_end(tr__char_at(p, end, &n)))
            continue;
        if (*p == '\r' && p + 1 < end && p[1] == '\n')
            n = 2;
        if (add_part(r, &list, s, from, ends ? i + n : i))
            return r->err->code;
        from = i + n;
    }
    if (from < s->n && add_part(r, &list, s, from, s->n))
        return r->err->code;
    return tr__steps(r, s->n / 16) ? r->err->code
                                   : tr__list(r, TR__LIST, list.item, list.n, out);
}
