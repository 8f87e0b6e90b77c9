/* SPDX-License-Identifier: MIT
 *
 * Methods of strings that give strings or lists.  Next: methods_find.c.
 */
#include <libtrain/chat/args.h>
#include <libtrain/chat/format.h>
#include <libtrain/chat/methods.h>
#include <libtrain/chat/strings.h>

#include <string.h>

int tr__str_strip(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__strip(r, &c->self, &c->arg[0], 1, 1, out);
}

int tr__str_lstrip(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__strip(r, &c->self, &c->arg[0], 1, 0, out);
}

int tr__str_rstrip(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__strip(r, &c->self, &c->arg[0], 0, 1, out);
}

int tr__str_split(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t most;
    if (tr__int_arg(r, c, 1, -1, &most))
        return r->err->code;
    return tr__split(r, &c->self, &c->arg[0], most, out);
}

int tr__str_rsplit(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t most;
    if (tr__int_arg(r, c, 1, -1, &most))
        return r->err->code;
    return tr__split_right(r, &c->self, &c->arg[0], most, out);
}

int tr__str_splitlines(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__split_lines(r, &c->self, tr__flag(r, c, 0), out);
}

/* (before, separator, behind) around byte `at`; not found: all of s first, or last. */
static int three(struct tr__run *r, const struct tr__val *s, size_t at,
                 const struct tr__val *by, int last, struct tr__val *out)
{
    struct tr__val *part = tr__alloc(r, 3, sizeof *part);
    if (!part)
        return r->err->code;
    part[0] = tr__str("", 0, TR__OURS);
    part[0].safe = s->safe;
    part[1] = part[2] = part[0];
    if (at == SIZE_MAX)
        part[last ? 2 : 0] = *s;
    else if (tr__part(r, s, 0, at, &part[0]) || tr__part(r, s, at, at + by->n, &part[1]) ||
             tr__part(r, s, at + by->n, s->n, &part[2]))
        return r->err->code;
    return tr__list(r, TR__TUPLE, part, 3, out);
}

static int separator(struct tr__run *r, const struct tr__call *c)
{
    if (tr__str_arg(r, c, 0) || tr__steps(r, c->self.n / 32))
        return r->err->code;
    return c->arg[0].n ? 0 : tr__raise(r, "split at an empty string");
}

int tr__str_partition(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    if (separator(r, c))
        return r->err->code;
    return three(r, &c->self, tr__find(&c->self, 0, &c->arg[0]), &c->arg[0], 0, out);
}

int tr__str_rpartition(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    if (separator(r, c))
        return r->err->code;
    return three(r, &c->self, tr__find_last(r, &c->self, c->self.n, &c->arg[0]), &c->arg[0],
                 1, out);
}

int tr__str_removeprefix(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    const struct tr__val *s = &c->self, *x = &c->arg[0];
    if (tr__str_arg(r, c, 0))
        return r->err->code;
    int has = x->n && x->n <= s->n && memcmp(s->as.s, x->as.s, x->n) == 0;
    return tr__part(r, s, has ? x->n : 0, s->n, out);
}

int tr__str_removesuffix(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    const struct tr__val *s = &c->self, *x = &c->arg[0];
    if (tr__str_arg(r, c, 0))
        return r->err->code;
    int has = x->n && x->n <= s->n && memcmp(s->as.s + s->n - x->n, x->as.s, x->n) == 0;
    return tr__part(r, s, 0, has ? s->n - x->n : s->n, out);
}

int tr__str_upper(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__all_case(r, &c->self, TR__CASE_UPPER, out);
}

int tr__str_lower(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__all_case(r, &c->self, TR__CASE_LOWER, out);
}

static int not_cased(uint32_t before)
{
    return !tr__is_cased(before);
}

int tr__str_title(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__words_case(r, &c->self, TR__CASE_TITLE, not_cased, out);
}

int tr__str_capitalize(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__capitalize(r, &c->self, out);
}

/* A safe string escapes what is put into it. */
int tr__str_replace(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t most;
    struct tr__val new = c->arg[1];
    if (tr__str_arg(r, c, 0) || tr__str_arg(r, c, 1) || tr__int_arg(r, c, 2, -1, &most))
        return r->err->code;
    if (c->self.safe && !new.safe) {
        struct tr__build b;
        tr__build_begin(&b, r);
        tr__put_escaped(&b, &c->arg[1]);
        if (tr__build_done(&b, &new))
            return r->err->code;
    }
    return tr__replace(r, &c->self, &c->arg[0], &new, most, out);
}

int tr__str_join(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__join(r, &c->self, &c->arg[0], 1, out);
}

int tr__str_format(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__format_braces(r, &c->self, &c->all, out);
}

/* How many characters are missing from the width. */
static int missing(struct tr__run *r, const struct tr__call *c, int64_t *n)
{
    if (tr__int_arg(r, c, 0, 0, n))
        return r->err->code;
    *n -= (int64_t)tr__char_count(c->self.as.s, c->self.n);
    if (*n < 0)
        *n = 0;
    return *n > TR_CHAT_MAX_MEMORY ? tr__too_large(r) : tr__steps(r, c->self.n / 32);
}

int tr__str_ljust(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t n;
    return missing(r, c, &n) ? r->err->code : tr__pad(r, &c->self, &c->arg[1], 0, n, out);
}

int tr__str_rjust(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t n;
    return missing(r, c, &n) ? r->err->code : tr__pad(r, &c->self, &c->arg[1], n, 0, out);
}

/* Where the sides differ by one, Python gives it to the left if the width is odd. */
int tr__str_center(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t n, left;
    if (missing(r, c, &n))
        return r->err->code;
    left = n / 2 + (n & c->arg[0].as.i & 1);
    return tr__pad(r, &c->self, &c->arg[1], left, n - left, out);
}

int tr__str_zfill(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val zero = tr__str("0", 1, TR__OURS), sign, rest;
    const struct tr__val *s = &c->self;
    size_t has_sign = s->n && (*s->as.s == '-' || *s->as.s == '+');
    int64_t n;
    if (missing(r, c, &n) || tr__part(r, s, 0, has_sign, &sign) ||
        tr__part(r, s, has_sign, s->n, &rest) || tr__pad(r, &rest, &zero, n, 0, &rest))
        return r->err->code;
    return tr__concat(r, &sign, &rest, out);
}
