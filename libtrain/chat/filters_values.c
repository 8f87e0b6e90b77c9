/* SPDX-License-Identifier: MIT
 *
 * Filters of dicts, numbers and any value.  Next: filter_tojson.c.
 */
#include <libtrain/chat/filters.h>
#include <libtrain/chat/state.h>
#include <libtrain/chat/text.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pairs(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    struct tr__val v = g->call->self;
    if (v.kind == TR__UNDEFINED)
        return tr__list(r, TR__LIST, NULL, 0, list);
    if (v.kind != TR__DICT)
        return tr__raise(r, "items of %s, which is no dict", tr__type(r, &v)->name);
    v.kind = TR__ITEMS;
    return tr__items(r, &v, list);
}

int tr__filter_items(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, pairs, out);
}

int tr__filter_default(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    *out = c->self;
    if (c->self.kind == TR__UNDEFINED || (tr__flag(r, c, 1) && !tr__truth(r, &c->self)))
        *out = tr__given(c, 0) ? c->arg[0] : tr__str("", 0, TR__OURS);
    return 0;
}

/* Unlike x.name it does not fall back to a key. */
int tr__filter_attr(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__val none = c->self;
    if (tr__str_arg(r, c, 0))
        return r->err->code;
    if (none.kind == TR__DICT) {
        none.n = 0; /* its methods are found, its keys are not */
        return tr__get_attribute(r, &none, &c->arg[0], out);
    }
    return tr__get_attribute(r, &c->self, &c->arg[0], out);
}

/* The text of a number without white space and single underscores; 0 if it is too long. */
static int plain_number(const struct tr__val *s, char to[64])
{
    size_t from = tr__space_left(s->as.s, s->n), n = 0;
    size_t end = s->n - (from < s->n ? tr__space_right(s->as.s, s->n) : 0);
    for (size_t i = from; i < end; i++) {
        int inside = i > from && i + 1 < end && s->as.s[i - 1] != '_';
        if (s->as.s[i] == '_' && inside)
            continue;
        if (n == 63 || (unsigned char)s->as.s[i] & 0x80 || !s->as.s[i])
            return 0;
        to[n++] = s->as.s[i];
    }
    to[n] = 0;
    return n > 0;
}

static int parse_float(const struct tr__val *s, double *x)
{
    char text[64], *end;
    if (!plain_number(s, text) || strchr(text, 'x') || strchr(text, 'X') ||
        strchr(text, 'p') || strchr(text, '('))
        return 0;
    *x = strtod(text, &end);
    return !*end && end != text;
}

static int parse_int(const struct tr__val *s, int base, int64_t *i)
{
    char text[64], *end, *digits = text;
    if (!plain_number(s, text))
        return 0;
    digits += *text == '-' || *text == '+';
    if (*digits == '-' || *digits == '+' || tr__char_is_space((unsigned char)*digits))
        return 0;
    if (base != 16 && digits[0] == '0' && (digits[1] | 0x20) == (base == 2 ? 'b' : 'o') &&
        (base == 2 || base == 8))
        memmove(digits, digits + 2, strlen(digits) - 1);
    else if (base == 10 && strspn(digits, "0123456789") != strlen(digits))
        return 0;
    errno = 0;
    *i = strtoll(text, &end, base);
    return !*end && end != text && errno == 0;
}

static int from_float(struct tr__run *r, double x, struct tr__val *out)
{
    if (isnan(x) || isinf(x))
        return tr__raise(r, "%f is no integer", x);
    if (fabs(x) >= 9.2e18)
        return tr__raise(r, "an integer beyond 64 bits");
    *out = tr__int((int64_t)x);
    return 0;
}

int tr__filter_int(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t base, i;
    double x;
    const struct tr__val *v = &c->self;
    if (tr__int_arg(r, c, 1, 10, &base))
        return r->err->code;
    if (base < 2 || base > 36)
        return tr__raise(r, "'int' with base %d", (int)base);
    if (tr__integer(v, &i) || (tr__is_str(v) && parse_int(v, (int)base, &i))) {
        *out = tr__int(i);
        return 0;
    }
    if (v->kind == TR__UNDEFINED)
        return tr__raise_undefined(r, v);
    if (v->kind == TR__BIG)
        *out = *v;
    else if (v->kind == TR__FLOAT || (tr__is_str(v) && parse_float(v, &x)))
        return from_float(r, v->kind == TR__FLOAT ? v->as.x : x, out);
    else
        *out = tr__given(c, 0) ? c->arg[0] : tr__int(0);
    return 0;
}

int tr__filter_float(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    double x;
    if (c->self.kind == TR__UNDEFINED)
        return tr__raise_undefined(r, &c->self);
    if (c->self.kind == TR__BIG)
        return tr__raise(r, "an integer beyond 64 bits");
    if (tr__number(&c->self, &x) || (tr__is_str(&c->self) && parse_float(&c->self, &x)))
        *out = tr__float(x);
    else
        *out = tr__given(c, 0) ? c->arg[0] : tr__float(0);
    return 0;
}

int tr__filter_abs(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    int64_t i;
    if (c->self.kind == TR__FLOAT)
        *out = tr__float(fabs(c->self.as.x));
    else if (!tr__integer(&c->self, &i) || i == INT64_MIN)
        return tr__raise(r, "abs of %s", tr__type(r, &c->self)->name);
    else
        *out = tr__int(i < 0 ? -i : i);
    return 0;
}

/* round() of Python: the nearest decimal of so many digits to the number as it is. */
static int common(struct tr__run *r, const struct tr__val *v, double x, int64_t digits,
                  struct tr__val *out)
{
    char text[400];
    *out = *v;
    if (v->kind != TR__FLOAT && digits >= 0) {
        out->kind = TR__INT; /* of a bool too */
        return 0;
    }
    if (v->kind != TR__FLOAT || digits < 0 || digits > 30)
        return tr__raise(r, "'round' to %d digits is not supported", (int)digits);
    snprintf(text, sizeof text, "%.*f", (int)digits, x);
    out->as.x = strtod(text, NULL);
    return 0;
}

int tr__filter_round(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    double x, scale;
    int64_t digits;
    const struct tr__val *how = &c->arg[1];
    if (tr__int_arg(r, c, 0, 0, &digits) || !tr__number(&c->self, &x))
        return tr__raise(r, "round of %s", tr__type(r, &c->self)->name);
    if (!tr__given(c, 1) ||
        (tr__is_str(how) && how->n == 6 && memcmp(how->as.s, "common", 6) == 0))
        return common(r, &c->self, x, digits, out);
    scale = pow(10, (double)digits);
    if (tr__is_str(how) && how->n == 4 && memcmp(how->as.s, "ceil", 4) == 0)
        *out = tr__float(ceil(x * scale) / scale);
    else if (tr__is_str(how) && how->n == 5 && memcmp(how->as.s, "floor", 5) == 0)
        *out = tr__float(floor(x * scale) / scale);
    else
        return tr__raise(r, "'round' is 'common', 'ceil' or 'floor'");
    return 0;
}
