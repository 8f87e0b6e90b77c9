/* SPDX-License-Identifier: MIT
 *
 * Methods of strings that ask: where something is, how often, and what kind of characters
 * they have.  Next: methods_dict.c.
 */
#include <libtrain/chat/args.h>
#include <libtrain/chat/methods.h>
#include <libtrain/chat/strings.h>

#include <string.h>

/* Bytes [from, to) of self that arguments 1 and 2 name by characters; 0 if that is a slice
 * that begins behind its end. */
static int window(struct tr__run *r, const struct tr__call *c, size_t *from, size_t *to)
{
    const struct tr__val *s = &c->self;
    int64_t n, start, stop;
    *from = 0;
    *to = s->n;
    if (!tr__given(c, 1) && !tr__given(c, 2))
        return 1;
    n = (int64_t)tr__char_count(s->as.s, s->n);
    if (tr__steps(r, s->n / 32) || tr__int_arg(r, c, 1, 0, &start) || tr__int_arg(r, c, 2,
                                                                                  n, &stop))
        return r->err->code;
    start += start < 0 ? n : 0;
    stop += stop < 0 ? n : 0;
    start = start < 0 ? 0 : start;
    stop = stop < 0 ? 0 : stop > n ? n : stop;
    if (start > stop)
        return 0;
    *from = tr__char_offset(s->as.s, s->n, (size_t)start);
    *to = tr__char_offset(s->as.s, s->n, (size_t)stop);
    return 1;
}

static int matches(const struct tr__val *s, size_t from, size_t to, const struct tr__val *x,
                   int at_end)
{
    return x->n <= to - from &&
           (x->n == 0 || memcmp(s->as.s + (at_end ? to - x->n : from), x->as.s, x->n) == 0);
}

/* One string, or any of a tuple. */
static int edge(struct tr__run *r, const struct tr__call *c, int at_end,
                struct tr__val *out)
{
    const struct tr__val *x = &c->arg[0];
    size_t from, to, n = x->kind == TR__TUPLE ? x->n : 1;
    int found = 0, rc = window(r, c, &from, &to);
    if (rc < 0)
        return rc;
    if (x->kind == TR__TUPLE)
        x = x->as.item;
    for (size_t i = 0; i < n; i++) {
        if (!tr__is_str(&x[i]))
            return tr__raise(r, "'%s' with %s, not a string", c->what->name,
                             tr__type(r, &x[i])->name);
        if (tr__steps(r, x[i].n / 256))
            return r->err->code;
        found |= rc && matches(&c->self, from, to, &x[i], at_end);
    }
    *out = tr__bool(found);
    return tr__steps(r, n);
}

int tr__str_startswith(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return edge(r, c, 0, out);
}

int tr__str_endswith(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return edge(r, c, 1, out);
}

/* As a number of characters, or -1. */
static int position(struct tr__run *r, const struct tr__call *c, int last, int64_t *at)
{
    size_t from, to, byte = SIZE_MAX;
    struct tr__val part = c->self;
    int rc;
    if (tr__str_arg(r, c, 0) || (rc = window(r, c, &from, &to)) < 0 ||
        tr__steps(r, c->self.n / 32))
        return r->err->code;
    part.n = to;
    if (rc)
        byte = last ? tr__find_last(r, &part, to, &c->arg[0]) : tr__find(&part, from,
                                                                         &c->arg[0]);
    if (byte != SIZE_MAX && byte < from)
        byte = SIZE_MAX;
    *at = byte == SIZE_MAX ? -1 : (int64_t)tr__char_count(c->self.as.s, byte);
    return 0;
}

static int find(struct tr__run *r, const struct tr__call *c, int last, int must,
                struct tr__val *out)
{
    int64_t at = -1;
    if (position(r, c, last, &at))
        return r->err->code;
    if (must && at < 0)
        return tr__raise(r, "'%s': there is no such part", c->what->name);
    *out = tr__int(at);
    return 0;
}

int tr__str_find(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return find(r, c, 0, 0, out);
}

int tr__str_rfind(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return find(r, c, 1, 0, out);
}

int tr__str_index(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return find(r, c, 0, 1, out);
}

int tr__str_rindex(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return find(r, c, 1, 1, out);
}

int tr__str_count(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    size_t from, to, at, n = 0;
    struct tr__val part = c->self;
    const struct tr__val *what = &c->arg[0];
    int rc;
    if (tr__str_arg(r, c, 0) || (rc = window(r, c, &from, &to)) < 0)
        return r->err->code;
    part.n = to;
    if (rc && what->n == 0)
        n = tr__char_count(part.as.s + from, to - from) + 1;
    for (; rc && what->n && (at = tr__find(&part, from, what)) != SIZE_MAX; n++)
        from = at + what->n;
    *out = tr__int((int64_t)n);
    return tr__steps(r, n + part.n / 32);
}

int tr__str_isspace(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    const struct tr__val *s = &c->self;
    *out = tr__bool(s->n && tr__space_left(s->as.s, s->n) == s->n);
    return tr__steps(r, s->n / 16);
}

/* All of ASCII characters that `is`; others would need tables of their own. */
static int all(struct tr__run *r, const struct tr__call *c, int (*is)(char c),
               struct tr__val *out)
{
    const struct tr__val *s = &c->self;
    int yes = s->n > 0;
    for (size_t i = 0; i < s->n; i++) {
        if ((unsigned char)s->as.s[i] & 0x80)
            return tr__raise(r, "'%s' of text outside of ASCII is not supported",
                             c->what->name);
        yes &= is(s->as.s[i]);
    }
    *out = tr__bool(yes);
    return tr__steps(r, s->n / 16);
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_either(char c)
{
    return is_digit(c) || is_letter(c);
}

int tr__str_isdigit(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return all(r, c, is_digit, out);
}

int tr__str_isalpha(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return all(r, c, is_letter, out);
}

int tr__str_isalnum(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return all(r, c, is_either, out);
}

/* Some character has a case, and none has the other. */
static int of_case(struct tr__run *r, const struct tr__call *c, enum tr__case how,
                   struct tr__val *out)
{
    const char *s = c->self.as.s, *end = s + c->self.n;
    enum tr__case other = how == TR__CASE_UPPER ? TR__CASE_LOWER : TR__CASE_UPPER;
    uint32_t to[3];
    size_t n;
    int some = 0, none = 1;
    for (; s < end; s += n) {
        uint32_t x = tr__char_at(s, end, &n);
        some |= tr__char_case(x, other, to) != 1 || to[0] != x;
        none &= tr__char_case(x, how, to) == 1 && to[0] == x;
    }
    *out = tr__bool(some && none);
    return tr__steps(r, c->self.n);
}

int tr__str_isupper(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return of_case(r, c, TR__CASE_UPPER, out);
}

int tr__str_islower(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return of_case(r, c, TR__CASE_LOWER, out);
}
