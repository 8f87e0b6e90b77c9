/* SPDX-License-Identifier: MIT
 *
 * What filters have in common: their arguments, attributes by path, sorting.  Next:
 * filters_strings.c.
 */
#include <libtrain/chat/args.h>
#include <libtrain/chat/strings.h>

#include <string.h>

int tr__int_arg(struct tr__run *r, const struct tr__call *c, size_t i, int64_t otherwise,
                int64_t *to)
{
    *to = otherwise;
    if (tr__absent(&c->arg[i]))
        return 0;
    if (tr__integer(&c->arg[i], to))
        return 0;
    return tr__raise(r, "'%s' with %s, not an integer", c->what->name,
                     tr__type(r, &c->arg[i])->name);
}

int tr__str_arg(struct tr__run *r, const struct tr__call *c, size_t i)
{
    if (tr__is_str(&c->arg[i]))
        return 0;
    return tr__raise(r, "'%s' with %s, not a string", c->what->name,
                     tr__type(r, &c->arg[i])->name);
}

int tr__self_str(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__to_str(r, &c->self, out);
}

static int is_number(const struct tr__val *s, int64_t *i)
{
    *i = 0;
    for (size_t k = 0; k < s->n; k++) {
        if (s->as.s[k] < '0' || s->as.s[k] > '9' || k > 15)
            return 0;
        *i = 10 * *i + (s->as.s[k] - '0');
    }
    return s->n > 0;
}

int tr__get_path(struct tr__run *r, const struct tr__val *v, const struct tr__val *path,
                 struct tr__val *out)
{
    struct tr__val at = *v, key;
    size_t from = 0;
    int64_t i;
    if (!tr__is_str(path))
        return tr__get_item(r, v, path, out);
    while (from <= path->n) {
        const char *s = path->as.s + from, *dot = memchr(s, '.', path->n - from);
        size_t n = dot ? (size_t)(dot - s) : path->n - from;
        key = tr__str(s, n, TR__OURS);
        if (is_number(&key, &i))
            key = tr__int(i);
        if (tr__get_item(r, &at, &key, out))
            return r->err->code;
        at = *out;
        from += n + 1;
    }
    return 0;
}

int tr__sort_key(struct tr__run *r, const struct tr__val *v, const struct tr__val *path,
                 int case_sensitive, struct tr__val *out)
{
    *out = *v;
    if (!tr__absent(path) && tr__get_path(r, v, path, out))
        return r->err->code;
    if (!case_sensitive && tr__is_str(out))
        return tr__all_case(r, out, TR__CASE_LOWER, out);
    return 0;
}

/* Merges the sorted halves of item into `to`. */
static int merge(struct tr__run *r, const struct tr__sorted *item, size_t half, size_t n,
                 int reverse, int same, struct tr__sorted *to)
{
    size_t a = 0, b = half;
    for (size_t i = 0; i < n; i++) {
        int order = 0, both = a < half && b < n;
        int equal = both && same ? tr__equal(r, &item[b].key, &item[a].key) : 0;
        if (equal < 0 ||
            (both && !equal && tr__compare(r, &item[b].key, &item[a].key, &order)))
            return r->err->code;
        int second = a == half || (b < n && (reverse ? order == 1 : order == -1));
        to[i] = item[second ? b++ : a++];
    }
    return 0;
}

int tr__sort(struct tr__run *r, struct tr__sorted *item, size_t n, int reverse, int same)
{
    size_t half = n / 2;
    struct tr__sorted *to;
    if (n < 2)
        return 0;
    if (!(to = tr__alloc(r, n, sizeof *to)) || tr__sort(r, item, half, reverse, same) ||
        tr__sort(r, item + half, n - half, reverse, same) ||
        merge(r, item, half, n, reverse, same, to))
        return r->err->code;
    memcpy(item, to, n * sizeof *to);
    return 0;
}
