/* SPDX-License-Identifier: MIT
 *
 * Cuts a template into text, tags and what is in them, as Jinja does with trim_blocks and
 * lstrip_blocks: most of it is about which white space beside a tag is dropped.  Blanks in
 * front of a tag or comment that begins its line go, and one newline behind it; `-` takes
 * all white space on its side, `+` none.  Next: lexer_words.c, then parser.c.
 */
#include <libtrain/chat/lexer.h>
#include <libtrain/chat/unicode.h>

#include <string.h>

static void go(struct tr__source *src, size_t to)
{
    for (; src->at < to; src->at++)
        src->line += src->s[src->at] == '\n';
}

static int here(const struct tr__source *src, size_t at, const char *what)
{
    size_t n = strlen(what);
    return n <= src->n - at && memcmp(src->s + at, what, n) == 0;
}

static size_t skip_space(const struct tr__source *src, size_t at)
{
    return at + tr__space_left(src->s + at, src->n - at);
}

/* The next `{{`, `{%` or `{#`; the end if there is none. */
static size_t find_tag(const struct tr__source *src)
{
    const char *end = src->s + src->n, *p = src->s + src->at;
    for (; (p = memchr(p, '{', (size_t)(end - p))); p++)
        if (end - p > 1 && (p[1] == '{' || p[1] == '%' || p[1] == '#'))
            return (size_t)(p - src->s);
    return src->n;
}

/* How much of the text [from, to) stays in front of a tag with this sign. */
static size_t trimmed(const struct tr__source *src, size_t from, size_t to, char sign,
                      int print)
{
    const char *s = src->s + from;
    size_t n = to - from, line = n;
    if (sign == '-')
        return from + n - tr__space_right(s, n);
    if (sign == '+' || print)
        return to;
    while (line > 0 && s[line - 1] != '\n')
        line--;
    if ((line > 0 || src->line_begins) && tr__space_left(s + line, n - line) == n - line)
        return from + line;
    return to;
}

static int push_text(struct tr__source *src, size_t to, char sign, int print)
{
    size_t end = trimmed(src, src->at, to, sign, print);
    struct tr__lex t = { TR__LEX_TEXT, src->line, src->s + src->at, end - src->at, 0, 0 };
    return end > src->at ? tr__lex_push(src, t) : 0;
}

/* Behind the end of a tag or comment: white space that goes with it. */
static size_t behind(const struct tr__source *src, size_t at, char sign)
{
    if (sign == '-')
        return skip_space(src, at);
    return at < src->n && sign != '+' && src->s[at] == '\n' ? at + 1 : at;
}

static void leave(struct tr__source *src, size_t at)
{
    src->line_begins = at > 0 && src->s[at - 1] == '\n';
    go(src, at);
}

static char sign_at(const struct tr__source *src, size_t at)
{
    return at < src->n && (src->s[at] == '-' || src->s[at] == '+') ? src->s[at] : 0;
}

static int comment(struct tr__source *src, size_t at)
{
    uint32_t line = src->line;
    size_t body = at + 2 + (sign_at(src, at + 2) != 0), end = body;
    while (end < src->n && !here(src, end, "#}"))
        end++;
    if (end >= src->n)
        return tr__lex_fail(src, line, "a comment that does not end");
    leave(src, behind(src, end + 2, end > body ? sign_at(src, end - 1) : 0));
    return 0;
}

/* `{% WORD %}` at `at`: where it ends, with its sign; 0 if something else stands there. */
static size_t lone_tag(const struct tr__source *src, size_t at, const char *word,
                       char *sign)
{
    at += 2 + (sign_at(src, at + 2) != 0);
    at = skip_space(src, at);
    if (!here(src, at, word))
        return 0;
    at = skip_space(src, at + strlen(word));
    *sign = sign_at(src, at);
    at += *sign != 0;
    return here(src, at, "%}") ? at + 2 : 0;
}

/* Text between raw and endraw stands for itself. */
static int raw(struct tr__source *src, size_t at)
{
    char sign = 0;
    uint32_t line = src->line;
    leave(src, sign_at(src, at - 3) == '-' ? skip_space(src, at) : at);
    if (src->at == src->n)
        return 0;
    for (size_t end = src->at; end < src->n; end++) {
        size_t next = here(src, end, "{%") ? lone_tag(src, end, "endraw", &sign) : 0;
        if (!next)
            continue;
        if (push_text(src, end, sign_at(src, end + 2), 0))
            return src->err->code;
        leave(src, behind(src, next, sign));
        return 0;
    }
    return tr__lex_fail(src, line, "raw without endraw");
}

struct brackets {
    char want[TR__LEX_MAX_NESTED];
    size_t n;
};

/* Brackets must match, and only outside of them an end is one. */
static int bracket(struct tr__source *src, struct brackets *b)
{
    const struct tr__lex *t = &src->token[src->n_token - 1];
    const char *open = "([{", *close = ")]}", *p;
    if (t->kind != TR__LEX_SIGN || t->n != 1)
        return 0;
    if ((p = strchr(open, *t->s))) {
        if (b->n == sizeof b->want)
            return tr__lex_fail(src, t->line, "brackets are nested too deep");
        b->want[b->n++] = close[p - open];
    } else if (strchr(close, *t->s) && (b->n == 0 || b->want[--b->n] != *t->s))
        return tr__lex_fail(src, t->line, "unexpected '%c'", *t->s);
    return 0;
}

/* The end of a tag at src->at: how many bytes it takes with its sign, or 0. */
static size_t end_here(const struct tr__source *src, const char *end, char *sign)
{
    *sign = sign_at(src, src->at);
    if (*sign == '+' && *end == '}')
        return 0;
    if (*sign && here(src, src->at + 1, end))
        return 3;
    *sign = 0;
    return here(src, src->at, end) ? 2 : 0;
}

static int inside(struct tr__source *src, int print)
{
    const char *end = print ? "}}" : "%}";
    struct brackets open = { .n = 0 };
    uint32_t line = src->line;
    char sign;
    for (;;) {
        size_t n;
        if (src->at >= src->n)
            return tr__lex_fail(src, line, "'%s' is missing", end);
        if ((n = tr__space_left(src->s + src->at, src->n - src->at))) {
            go(src, src->at + n);
            continue;
        }
        if (open.n == 0 && (n = end_here(src, end, &sign)))
            break;
        if (tr__lex_word(src) || bracket(src, &open))
            return src->err->code;
    }
    struct tr__lex t = { print ? TR__LEX_PRINT_END : TR__LEX_TAG_END, src->line, end, 2, 0,
                         0 };
    size_t at = src->at + (sign ? 3 : 2);
    leave(src, print ? (sign == '-' ? skip_space(src, at) : at) : behind(src, at, sign));
    return tr__lex_push(src, t);
}

static int tag(struct tr__source *src, size_t at)
{
    char sign = sign_at(src, at + 2), end_sign;
    int print = src->s[at + 1] == '{';
    if (push_text(src, at, sign, print))
        return src->err->code;
    go(src, at);
    if (src->s[at + 1] == '#')
        return comment(src, at);
    size_t body = print ? 0 : lone_tag(src, at, "raw", &end_sign);
    if (body && end_sign != '+')
        return raw(src, body);
    struct tr__lex t = { print ? TR__LEX_PRINT : TR__LEX_TAG, src->line, NULL, 0, 0, 0 };
    go(src, at + 2 + (sign != 0));
    return tr__lex_push(src, t) ? src->err->code : inside(src, print);
}

int tr__lex(struct tr__source *src)
{
    src->line = 1;
    src->line_begins = 1;
    while (src->at < src->n) {
        size_t at = find_tag(src);
        if (at == src->n)
            break;
        if (tag(src, at))
            return src->err->code;
    }
    struct tr__lex text = { TR__LEX_TEXT, src->line, src->s + src->at, src->n - src->at, 0,
                            0 };
    struct tr__lex end = { TR__LEX_END, src->line, "", 0, 0, 0 };
    if (text.n && tr__lex_push(src, text))
        return src->err->code;
    go(src, src->n);
    end.line = src->line;
    return tr__lex_push(src, end);
}
