/* SPDX-License-Identifier: MIT
 *
 * Filters of strings.  They take any value as str() of it, as Jinja's do.  Next:
 * filters_sequences.c.
 */
#include <libtrain/chat/filters.h>
#include <libtrain/chat/format.h>
#include <libtrain/chat/strings.h>

int tr__filter_trim(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s;
    if (tr__self_str(r, c, &s))
        return r->err->code;
    return tr__strip(r, &s, &c->arg[0], 1, 1, out);
}

int tr__filter_lower(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s;
    return tr__self_str(r, c, &s) ? r->err->code : tr__all_case(r, &s, TR__CASE_LOWER, out);
}

int tr__filter_upper(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s;
    return tr__self_str(r, c, &s) ? r->err->code : tr__all_case(r, &s, TR__CASE_UPPER, out);
}

int tr__filter_capitalize(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s;
    return tr__self_str(r, c, &s) ? r->err->code : tr__capitalize(r, &s, out);
}

static int begins_word(uint32_t before)
{
    return before == '-' || before == '(' || before == '{' || before == '[' ||
           before == '<' || tr__char_is_space(before);
}

/* Markup joined from plain parts is plain. */
int tr__filter_title(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s;
    if (tr__self_str(r, c, &s) || tr__words_case(r, &s, TR__CASE_UPPER, begins_word, out))
        return r->err->code;
    out->safe = 0;
    return 0;
}

int tr__filter_replace(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s, old, new;
    int64_t most;
    if (tr__self_str(r, c, &s) || tr__to_str(r, &c->arg[0], &old) ||
        tr__to_str(r, &c->arg[1], &new) || tr__int_arg(r, c, 2, -1, &most))
        return r->err->code;
    s.safe = 0;
    return tr__replace(r, &s, &old, &new, most, out);
}

static int indention(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t width;
    struct tr__val none = tr__str("", 0, TR__OURS), fill = { 0 };
    if (tr__given(c, 0) && tr__is_str(&c->arg[0])) {
        *out = c->arg[0];
        return 0;
    }
    if (tr__int_arg(r, c, 0, 4, &width))
        return r->err->code;
    if (width > TR_CHAT_MAX_MEMORY)
        return tr__too_large(r);
    return tr__pad(r, &none, &fill, width, 0, out);
}

int tr__filter_indent(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val indent, lines, newline = tr__str("\n", 1, TR__OURS), s = c->self;
    struct tr__build b;
    if (!tr__is_str(&s))
        return s.kind == TR__UNDEFINED ? tr__raise_undefined(r, &s)
                                       : tr__raise(r, "indent of %s", tr__type(r,
                                                                                 &s)->name);
    if (indention(r, c, &indent) || tr__concat(r, &s, &newline, &s) ||
        tr__split_lines(r, &s, 0, &lines))
        return r->err->code;
    tr__build_begin(&b, r);
    for (size_t i = 0; i < lines.n && !b.failed; i++) {
        const struct tr__val *line = &lines.as.item[i];
        if (i > 0)
            tr__put_str(&b, &newline);
        if (i == 0 ? tr__flag(r, c, 1) : line->n > 0 || tr__flag(r, c, 2))
            tr__put_str(&b, &indent);
        tr__put_str(&b, line);
    }
    if (tr__build_done(&b, out))
        return r->err->code;
    out->safe = c->self.safe;
    return 0;
}

int tr__filter_string(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__self_str(r, c, out);
}

int tr__filter_safe(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    if (tr__self_str(r, c, out))
        return r->err->code;
    out->safe = 1;
    return 0;
}

int tr__filter_escape(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s;
    struct tr__build b;
    if (tr__self_str(r, c, &s))
        return r->err->code;
    *out = s;
    if (s.safe)
        return 0;
    tr__build_begin(&b, r);
    tr__put_escaped(&b, &s);
    if (tr__build_done(&b, out))
        return r->err->code;
    out->safe = 1;
    return 0;
}

int tr__filter_format(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s, args;
    if (c->all.n_named)
        return tr__raise(r, "format with named arguments is not supported");
    if (tr__self_str(r, c, &s) || tr__list(r, TR__TUPLE, c->all.at, c->all.n, &args))
        return r->err->code;
    return tr__format_percent(r, &s, &args, out);
}

int tr__filter_center(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s, fill = { 0 };
    int64_t width, n, left;
    if (tr__self_str(r, c, &s) || tr__int_arg(r, c, 0, 80, &width))
        return r->err->code;
    n = width - (int64_t)tr__char_count(s.as.s, s.n);
    if (n > TR_CHAT_MAX_MEMORY || tr__steps(r, s.n / 32))
        return n > TR_CHAT_MAX_MEMORY ? tr__too_large(r) : r->err->code;
    left = n > 0 ? n / 2 + (n & width & 1) : 0;
    return tr__pad(r, &s, &fill, left, n - left, out);
}

/* At most `length` characters, `end` among them, cut between words. */
int tr__filter_truncate(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val s = c->self, end = tr__str("...", 3, TR__OURS), blank = tr__str(" ", 1,
                                                                                   0);
    int64_t length, leeway, n;
    size_t to, at;
    if (!tr__is_str(&s) || (tr__given(c, 2) && tr__str_arg(r, c, 2)))
        return tr__raise(r, "truncate of %s", tr__type(r, &s)->name);
    if (tr__given(c, 2))
        end = c->arg[2];
    n = (int64_t)tr__char_count(end.as.s, end.n);
    if (tr__steps(r, (s.n + end.n) / 8) || tr__int_arg(r, c, 0, 255, &length) ||
        tr__int_arg(r, c, 3, 5, &leeway))
        return r->err->code;
    if (length < n || leeway < 0)
        return tr__raise(r, "truncate to %d characters", (int)(length < n ? length
                                                               : leeway));
    *out = s;
    if ((int64_t)tr__char_count(s.as.s, s.n) <= length || 
        (int64_t)tr__char_count(s.as.s, s.n) - length <= leeway)
        return 0;
    to = tr__char_offset(s.as.s, s.n, (size_t)(length - n));
    if (!tr__flag(r, c, 1) && (at = tr__find_last(r, &s, to, &blank)) != SIZE_MAX)
        to = at;
    return tr__part(r, &s, 0, to, &s) ? r->err->code : tr__concat(r, &s, &end, out);
}
