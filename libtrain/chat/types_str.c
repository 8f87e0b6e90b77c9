/* SPDX-License-Identifier: MIT
 *
 * Strings as values: characters by number, and Python's repr, which templates meet where
 * they print a list or a dict.  Next: types_sequence.c.
 */
#include <libtrain/chat/text.h>

#include <stdio.h>
#include <string.h>

static int not_empty(const struct tr__val *v)
{
    return v->n > 0;
}

/* it->at counts bytes. */
static int next_char(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    size_t n;
    if (it->at >= it->of.n)
        return 0;
    tr__char_at(it->of.as.s + it->at, it->of.as.s + it->of.n, &n);
    it->at += n;
    if (tr__part(r, &it->of, it->at - n, it->at, out))
        return r->err->code;
    out->safe = 0;
    return 1;
}

static int char_item(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                     struct tr__val *out)
{
    int64_t i;
    size_t n, at;
    if (!tr__integer(key, &i))
        return 0;
    if (i < 0)
        i += (int64_t)tr__char_count(v->as.s, v->n);
    if (i < 0 || tr__steps(r, v->n / 32))
        return i < 0 ? 0 : TR_EFORMAT;
    at = tr__char_offset(v->as.s, v->n, (size_t)i);
    if (at == v->n)
        return 0;
    tr__char_at(v->as.s + at, v->as.s + v->n, &n);
    return tr__part(r, v, at, at + n, out) ? r->err->code : 1;
}

/* \n, \x1b, \u200b, … or nothing where the character stands for itself. */
static int escape(uint32_t c, char quote, char out[12])
{
    const char *simple = "\\\n\r\t", *as = "\\nrt", *p = c && c < 0x80 ? strchr(simple,
                                                                                (int)c)
                                                                  : NULL;
    if (p || c == (unsigned char)quote)
        snprintf(out, 12, "\\%c", p ? as[p - simple] : quote);
    else if (tr__is_printable(c))
        return 0;
    else
        snprintf(out, 12, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x",
                 (unsigned)c);
    return 1;
}

static void print_str(struct tr__build *b, const struct tr__val *v, int repr)
{
    const char *s = v->as.s, *end = v->as.s + v->n;
    char quote = v->n && memchr(s, '\'', v->n) && !memchr(s, '"', v->n) ? '"' : '\'';
    char text[12];
    size_t from = 0, n;
    if (!repr) {
        tr__put_str(b, v);
        return;
    }
    if (v->safe)
        tr__put_ours(b, "Markup(");
    tr__put(b, &quote, 1, 0);
    for (size_t i = 0; i < v->n; i += n) {
        uint32_t c = tr__char_at(s + i, end, &n);
        if ((c > ' ' && c < 0x7f && c != '\\' && c != '\'' && c != '"') ||
            !escape(c, quote, text))
            continue;
        tr__put_part(b, v, from, i);
        tr__put(b, text, strlen(text), tr__is_data(v, i));
        from = i + n;
    }
    tr__put_part(b, v, from, v->n);
    tr__put(b, &quote, 1, 0);
    if (v->safe)
        tr__put_ours(b, ")");
}

const struct tr__type tr__type_str = {
    .name = "a str", .methods = "str", .sized = 1, .sequence = 1, .truth = not_empty,
    .next = next_char, .item = char_item, .print = print_str
};
