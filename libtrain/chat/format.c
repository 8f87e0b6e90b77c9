/* SPDX-License-Identifier: MIT
 *
 * '%s' % x and '{}'.format(x), of which templates use little: %s %r %d %i %x %o %f %e %g
 * with flags, width and precision; {} {0} {name} {a.b} {a[b]} with !s and !r, without what
 * stands behind a colon.  The rest is refused.  Next: globals.c.
 */
#include <libtrain/chat/format.h>
#include <libtrain/chat/args.h>
#include <libtrain/chat/strings.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct percent {
    struct tr__run *r;
    struct tr__build b;
    const struct tr__val *s, *values;
    size_t at, next, n; /* byte of s; value; how many there are */
};

static int take(struct percent *p, struct tr__val *out)
{
    if (p->next >= p->n)
        return tr__raise(p->r, "'%%' has too few values");
    *out = p->values[p->next++];
    return 0;
}

struct spec { char flags[8]; int width, precision; char type; }; /* -1: not given */

static int number(const struct tr__val *s, size_t *at)
{
    int n = -1;
    while (*at < s->n && s->as.s[*at] >= '0' && s->as.s[*at] <= '9' && n < 100000)
        n = 10 * (n < 0 ? 0 : n) + (s->as.s[(*at)++] - '0');
    return n;
}

static int parse(struct percent *p, struct spec *spec)
{
    const struct tr__val *s = p->s;
    size_t n = 0;
    while (p->at < s->n && s->as.s[p->at] && strchr("#0- +", s->as.s[p->at]) && n < 7)
        spec->flags[n++] = s->as.s[p->at++];
    spec->flags[n] = 0;
    spec->width = number(s, &p->at);
    spec->precision = -1;
    if (p->at < s->n && s->as.s[p->at] == '.') {
        p->at++;
        spec->precision = number(s, &p->at);
        spec->precision = spec->precision < 0 ? 0 : spec->precision;
    }
    while (p->at < s->n && s->as.s[p->at] && strchr("hlL", s->as.s[p->at]))
        p->at++;
    if (p->at >= s->n)
        return tr__raise(p->r, "a format that ends behind '%%'");
    spec->type = s->as.s[p->at++];
    if (spec->width > 1000 || spec->precision > 100)
        return tr__raise(p->r, "a width or precision in a format is too large");
    return 0;
}

static int put_text(struct percent *p, const struct spec *spec, const struct tr__val *v)
{
    struct tr__build b;
    struct tr__val s, fill = { 0 };
    int64_t n;
    tr__build_begin(&b, p->r);
    if (spec->type == 's' && p->s->safe && tr__is_str(v) && !v->safe)
        tr__put_escaped(&b, v);
    else if (spec->type == 's')
        tr__put_value(&b, v);
    else
        tr__put_repr(&b, v);
    if (tr__build_done(&b, &s))
        return p->r->err->code;
    if (spec->precision >= 0)
        s.n = tr__char_offset(s.as.s, s.n, (size_t)spec->precision);
    n = spec->width - (int64_t)tr__char_count(s.as.s, s.n);
    int left = strchr(spec->flags, '-') != NULL;
    if (n > 0 && tr__pad(p->r, &s, &fill, left ? 0 : n, left ? n : 0, &s))
        return p->r->err->code;
    tr__put_str(&p->b, &s);
    return p->b.failed;
}

static int put_number(struct percent *p, const struct spec *spec, const struct tr__val *v)
{
    char format[48], text[1500], width[16] = "", precision[16] = "";
    int64_t i;
    double x;
    int real = strchr("eEfFgG", spec->type) != NULL;
    if (spec->width >= 0)
        snprintf(width, sizeof width, "%d", spec->width);
    if (spec->precision >= 0)
        snprintf(precision, sizeof precision, ".%d", spec->precision);
    if (!tr__number(v, &x) || (!real && spec->type != 'd' && spec->type != 'i' &&
                               spec->type != 'u' && v->kind == TR__FLOAT))
        return tr__raise(p->r, "'%%%c' of %s", spec->type, tr__type(p->r, v)->name);
    if (real) {
        snprintf(format, sizeof format, "%%%s%s%s%c", spec->flags, width, precision,
                 spec->type);
        snprintf(text, sizeof text, format, x);
    } else {
        if (!tr__integer(v, &i)) {
            if (!(x > -9e18 && x < 9e18))
                return tr__raise(p->r, "an integer beyond 64 bits");
            i = (int64_t)x;
        }
        char type = spec->type == 'u' || spec->type == 'i' ? 'd' : spec->type;
        if (type != 'd' && (i < 0 || strchr(spec->flags, '#')))
            return tr__raise(p->r,
                             "'%%%c' of a negative number or with '#' is not supported",
                             type);
        snprintf(format, sizeof format, "%%%s%s%sj%c", spec->flags, width, precision, type);
        snprintf(text, sizeof text, format, (intmax_t)i);
    }
    tr__put_ours(&p->b, text);
    return p->b.failed;
}

static int one_percent(struct percent *p)
{
    struct spec spec;
    struct tr__val v;
    if (p->at < p->s->n && p->s->as.s[p->at] == '(')
        return tr__raise(p->r, "'%%(name)s' is not supported");
    if (parse(p, &spec))
        return p->r->err->code;
    if (spec.type == '%') {
        tr__put_ours(&p->b, "%");
        return p->b.failed;
    }
    if (!strchr("srdiuxXoeEfFgG", spec.type) || !spec.type)
        return tr__raise(p->r, "'%%%c' in a format is not supported", spec.type);
    if (take(p, &v))
        return p->r->err->code;
    return spec.type == 's' || spec.type == 'r' ? put_text(p, &spec, &v)
                                                : put_number(p, &spec, &v);
}

int tr__format_percent(struct tr__run *r, const struct tr__val *s, const struct tr__val *v,
                       struct tr__val *out)
{
    struct percent p = { .r = r, .s = s, .values = v, .n = 1 };
    const char *next;
    if (v->kind == TR__TUPLE) {
        p.values = v->as.item;
        p.n = v->n;
    }
    tr__build_begin(&p.b, r);
    while (p.at < s->n && (next = memchr(s->as.s + p.at, '%', s->n - p.at))) {
        size_t to = (size_t)(next - s->as.s);
        tr__put_part(&p.b, s, p.at, to);
        p.at = to + 1;
        if (tr__steps(r, 1) || one_percent(&p))
            return r->err->code;
    }
    tr__put_part(&p.b, s, p.at, s->n);
    /* Python lets what has items by key pass though no % asks for it. */
    if (p.next < p.n && v->kind != TR__DICT && v->kind != TR__LIST &&
        v->kind != TR__RANGE && v->kind != TR__UNDEFINED)
        return tr__raise(r, "'%%' has too many values");
    if (tr__build_done(&p.b, out))
        return r->err->code;
    out->safe = s->safe;
    return 0;
}

struct braces {
    struct tr__run *r;
    const struct tr__args *args;
    size_t next;
    int numbered, counted; /* {0} or {} were seen: not both */
};

static int first_value(struct braces *b, const char *s, size_t n, struct tr__val *out)
{
    size_t i = 0;
    for (size_t k = 0; k < b->args->n_named; k++)
        if (b->args->named[k].n == n && memcmp(b->args->named[k].name, s, n) == 0) {
            *out = b->args->named[k].value;
            return 0;
        }
    if (n == 0) {
        b->counted = 1;
        i = b->next++;
    }
    for (size_t k = 0; k < n; k++) {
        if (s[k] < '0' || s[k] > '9' || k > 5)
            return tr__raise(b->r, "format has no argument '%.*s'", (int)(n < 80 ? n : 80),
                             s);
        i = 10 * i + (size_t)(s[k] - '0');
    }
    b->numbered |= n > 0;
    if (b->numbered && b->counted)
        return tr__raise(b->r, "format with both {} and {0}");
    if (i >= b->args->n)
        return tr__raise(b->r, "format has no argument %zu", i);
    *out = b->args->at[i];
    return 0;
}

/* name, name.attribute or name[key] */
static int field(struct braces *b, const char *s, size_t n, struct tr__val *out)
{
    size_t k = 0;
    while (k < n && s[k] != '.' && s[k] != '[')
        k++;
    if (first_value(b, s, k, out))
        return b->r->err->code;
    while (k < n) {
        size_t from = k + 1;
        int item = s[k] == '[';
        for (k = from; k < n && (item ? s[k] != ']' : s[k] != '.' && s[k] != '[');)
            k++;
        struct tr__val of = *out, name = tr__str(s + from, k - from, TR__OURS);
        if (item ? tr__get_path(b->r, &of, &name, out)
                 : tr__get_attribute(b->r, &of, &name, out))
            return b->r->err->code;
        k += item;
    }
    return 0;
}

static int one_brace(struct braces *b, struct tr__build *out, const char *s, size_t n)
{
    struct tr__val v;
    int repr = 0;
    if (n >= 2 && s[n - 2] == '!' && (s[n - 1] == 's' || s[n - 1] == 'r')) {
        repr = s[n - 1] == 'r';
        n -= 2;
    }
    if (memchr(s, ':', n) || memchr(s, '!', n) || memchr(s, '{', n))
        return tr__raise(b->r, "'{%.*s}' in a format is not supported",
                         (int)(n < 80 ? n : 80), s);
    if (field(b, s, n, &v))
        return b->r->err->code;
    if (repr)
        tr__put_repr(out, &v);
    else
        tr__put_value(out, &v);
    return out->failed;
}

int tr__format_braces(struct tr__run *r, const struct tr__val *s,
                      const struct tr__args *args,
                      struct tr__val *out)
{
    struct braces b = { .r = r, .args = args };
    struct tr__build t;
    if (s->safe)
        return tr__raise(r, "format of a safe string is not supported");
    tr__build_begin(&t, r);
    if (tr__steps(r, s->n / 4))
        return r->err->code;
    for (size_t i = 0; i < s->n && !t.failed; i++) {
        char c = s->as.s[i];
        const char *end;
        if ((c == '{' || c == '}') && i + 1 < s->n && s->as.s[i + 1] == c)
            tr__put_part(&t, s, i, i + 1), i++;
        else if (c == '}' || (c == '{' && !memchr(s->as.s + i, '}', s->n - i)))
            return tr__raise(r, "a single '%c' in a format", c);
        else if (c == '{') {
            end = memchr(s->as.s + i, '}', s->n - i);
            size_t to = (size_t)(end - s->as.s);
            if (tr__steps(r, 1) || one_brace(&b, &t, s->as.s + i + 1, to - i - 1))
                return r->err->code;
            i = to;
        } else
            tr__put_part(&t, s, i, i + 1);
    }
    return tr__build_done(&t, out);
}
