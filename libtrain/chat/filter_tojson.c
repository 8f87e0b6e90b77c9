/* SPDX-License-Identifier: MIT
 *
 * json.dumps of values.  json.h writes JSON too, but of JSON: here it is of values, whose
 * strings know where they came from.  Next: tests.c.
 */
#include <libtrain/chat/filters.h>
#include <libtrain/chat/text.h>

#include <libtrain/json.h>

#include <math.h>

struct style {
    int ascii, sort, lines; /* lines: an indent is given */
    struct tr__val indent, item, key;
};

static void put(struct tr__build *b, const struct tr__val *v, const struct style *s,
                unsigned level);

static void put_string(struct tr__build *b, const struct tr__val *v, int ascii)
{
    char text[16];
    size_t from = 0, n, len;
    int data = v->origin == TR__DATA;
    tr__put(b, "\"", 1, data);
    for (size_t i = 0; i < v->n && !b->failed; i += n) {
        unsigned char first = (unsigned char)v->as.s[i];
        n = 1;
        if (first >= 0x20 && first < 0x7f && first != '"' && first != '\\')
            continue;
        if (first >= 0x80 && !ascii)
            continue;
        uint32_t c = tr__char_at(v->as.s + i, v->as.s + v->n, &n);
        if (!(len = tr_json_escape(c, ascii, text)))
            continue;
        tr__put_part(b, v, from, i);
        tr__put(b, text, len, tr__is_data(v, i));
        from = i + n;
    }
    tr__put_part(b, v, from, v->n);
    tr__put(b, "\"", 1, data);
}

static void put_float(struct tr__build *b, double x)
{
    char text[32];
    if (isnan(x) || isinf(x))
        tr__put_ours(b, isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
    else
        tr__put(b, text, tr_json_real_text(x, text), 0);
}

static void new_line(struct tr__build *b, const struct style *s, unsigned level)
{
    if (!s->lines)
        return;
    tr__put_ours(b, "\n");
    for (unsigned i = 0; i < level && !b->failed; i++)
        tr__put_str(b, &s->indent);
}

static void put_list(struct tr__build *b, const struct tr__val *v, const struct style *s,
                     unsigned level)
{
    tr__put_ours(b, "[");
    for (size_t i = 0; i < v->n && !b->failed; i++) {
        if (i > 0)
            tr__put_str(b, &s->item);
        new_line(b, s, level + 1);
        put(b, &v->as.item[i], s, level + 1);
    }
    if (v->n)
        new_line(b, s, level);
    tr__put_ours(b, "]");
}

/* Keys are strings; Python makes strings of the other plain values. */
static void put_key(struct tr__build *b, const struct tr__val *key, const struct style *s)
{
    if (tr__is_str(key)) {
        put_string(b, key, s->ascii);
        return;
    }
    if (key->kind < TR__NONE || key->kind > TR__FLOAT) {
        tr__build_fail(b, tr__raise(b->r, "%s is no key of JSON",
                                    tr__type(b->r, key)->name));
        return;
    }
    tr__put_ours(b, "\"");
    put(b, key, s, 0);
    tr__put_ours(b, "\"");
}

static int sorted_pairs(struct tr__run *r, const struct tr__val *v, struct tr__sorted **to)
{
    if (!(*to = tr__alloc(r, v->n, sizeof **to)))
        return r->err->code;
    for (size_t i = 0; i < v->n; i++)
        (*to)[i] = (struct tr__sorted){ v->as.pair[i].key, v->as.pair[i].value };
    return tr__sort(r, *to, v->n, 0, 1);
}

static void put_dict(struct tr__build *b, const struct tr__val *v, const struct style *s,
                     unsigned level)
{
    struct tr__sorted *order = NULL;
    if (s->sort && sorted_pairs(b->r, v, &order)) {
        tr__build_fail(b, TR_EFORMAT);
        return;
    }
    tr__put_ours(b, "{");
    for (size_t i = 0; i < v->n && !b->failed; i++) {
        if (i > 0)
            tr__put_str(b, &s->item);
        new_line(b, s, level + 1);
        put_key(b, order ? &order[i].key : &v->as.pair[i].key, s);
        tr__put_str(b, &s->key);
        put(b, order ? &order[i].value : &v->as.pair[i].value, s, level + 1);
    }
    if (v->n)
        new_line(b, s, level);
    tr__put_ours(b, "}");
}

static void put_bare(struct tr__build *b, const struct tr__val *v)
{
    if (v->kind == TR__NONE)
        tr__put_ours(b, "null");
    else if (v->kind == TR__BOOL)
        tr__put_ours(b, v->as.i ? "true" : "false");
    else if (v->kind == TR__FLOAT)
        put_float(b, v->as.x);
    else if (v->kind == TR__INT || v->kind == TR__BIG)
        tr__put_value(b, v);
    else
        tr__build_fail(b, tr__raise(b->r, "%s cannot be written as JSON",
                                    tr__type(b->r, v)->name));
}

/* Values are nested no deeper than TR__MAX_VALUE_DEPTH. */
static void put(struct tr__build *b, const struct tr__val *v, const struct style *s,
                unsigned level)
{
    size_t from = b->n;
    if (tr__steps(b->r, 1 + (tr__is_str(v) ? v->n / 64 : 0)))
        tr__build_fail(b, TR_EFORMAT);
    else if (tr__is_str(v))
        put_string(b, v, s->ascii);
    else if (v->kind == TR__LIST || v->kind == TR__TUPLE)
        put_list(b, v, s, level);
    else if (v->kind == TR__DICT)
        put_dict(b, v, s, level);
    else
        put_bare(b, v);
    if (!b->failed && v->origin == TR__DATA) /* a list's brackets and commas too */
        tr__mark_since(b, from);
}

static int separators(struct tr__run *r, const struct tr__val *v, struct style *s)
{
    if ((v->kind != TR__TUPLE && v->kind != TR__LIST) || v->n != 2 ||
        !tr__is_str(&v->as.item[0]) || !tr__is_str(&v->as.item[1]))
        return tr__raise(r, "separators are two strings");
    s->item = v->as.item[0];
    s->key = v->as.item[1];
    return 0;
}

static int indent(struct tr__run *r, const struct tr__call *c, struct style *s)
{
    static const char blanks[] = "                                ";
    int64_t n;
    s->lines = 1;
    s->item = tr__str(",", 1, TR__OURS);
    s->indent = c->arg[1];
    if (tr__is_str(&c->arg[1]))
        return 0;
    if (tr__int_arg(r, c, 1, 0, &n))
        return r->err->code;
    if (n > (int64_t)sizeof blanks - 1)
        return tr__raise(r, "an indent of more than %zu", sizeof blanks - 1);
    s->indent = tr__str(blanks, n > 0 ? (size_t)n : 0, TR__OURS);
    return 0;
}

int tr__filter_tojson(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__build b;
    struct style s = { .ascii = tr__flag(r, c, 0), .sort = tr__flag(r, c, 3),
                       .item = tr__str(", ", 2, TR__OURS), .key = tr__str(": ", 2,
                                                                          TR__OURS) };
    if ((!tr__absent(&c->arg[1]) && indent(r, c, &s)) ||
        (!tr__absent(&c->arg[2]) && separators(r, &c->arg[2], &s)))
        return r->err->code;
    tr__build_begin(&b, r);
    put(&b, &c->self, &s, 0);
    return tr__build_done(&b, out);
}
