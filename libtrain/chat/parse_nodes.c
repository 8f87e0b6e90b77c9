/* SPDX-License-Identifier: MIT
 *
 * Tokens and nodes for the parser.  Next: parse_expression.c.
 */
#include <libtrain/chat/parser.h>

#include <libtrain/base/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tr__parse_fail(struct tr__parser *p, uint32_t line, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return tr__lex_fail(&p->src, line, "%s", text);
}

void *tr__parse_alloc(struct tr__parser *p, size_t count, size_t size)
{
    void *got = tr__pool_get(&p->chat->pool, count * size);
    if (!got)
        tr_err_set(p->src.err, TR_ENOMEM, "'%s': no memory", p->src.name);
    return got;
}

static int is(const struct tr__lex *t, enum tr__token_kind kind, const char *s)
{
    return t->kind == kind && strlen(s) == t->n && memcmp(t->s, s, t->n) == 0;
}

int tr__at_name(const struct tr__parser *p, const char *name)
{
    return is(p->t, TR__LEX_NAME, name);
}

int tr__at_sign(const struct tr__parser *p, const char *sign)
{
    return is(p->t, TR__LEX_SIGN, sign);
}

int tr__skip_name(struct tr__parser *p, const char *name)
{
    int there = tr__at_name(p, name);
    p->t += there;
    return there;
}

int tr__skip_sign(struct tr__parser *p, const char *sign)
{
    int there = tr__at_sign(p, sign);
    p->t += there;
    return there;
}

int tr__unexpected(struct tr__parser *p, const char *wanted)
{
    static const char *const what[] = { "the end of the template", "text", "'{{'", "'}}'",
                                        "'{%'", "'%}'", NULL, "a string", "a number",
                                        "a number", NULL };
    const struct tr__lex *t = p->t;
    if (what[t->kind])
        return tr__parse_fail(p, t->line, "%s is expected, not %s", wanted, what[t->kind]);
    return tr__parse_fail(p, t->line, "%s is expected, not '%.*s'", wanted,
                          (int)(t->n < 80 ? t->n : 80), t->s);
}

int tr__expect_sign(struct tr__parser *p, const char *sign)
{
    char wanted[16];
    if (tr__skip_sign(p, sign))
        return 0;
    snprintf(wanted, sizeof wanted, "'%s'", sign);
    return tr__unexpected(p, wanted);
}

int tr__expect_end(struct tr__parser *p)
{
    if (p->t->kind != TR__LEX_TAG_END)
        return tr__unexpected(p, "'%}'");
    p->t++;
    return 0;
}

const struct tr__lex *tr__expect_name(struct tr__parser *p)
{
    if (p->t->kind == TR__LEX_NAME)
        return p->t++;
    tr__unexpected(p, "a name");
    return NULL;
}

int tr__is_one_of(const struct tr__lex *t, const char *names)
{
    for (const char *s = names; *s;) {
        size_t n = strcspn(s, " ");
        if (n == t->n && memcmp(s, t->s, n) == 0)
            return 1;
        s += n + (s[n] == ' ');
    }
    return 0;
}

struct tr__node *tr__node(struct tr__parser *p, uint32_t line)
{
    struct tr__node *n = tr__parse_alloc(p, 1, sizeof *n);
    if (n)
        *n = (struct tr__node){ .line = line, .depth = 1 };
    return n;
}

struct tr__node *tr__expression_node(struct tr__parser *p, uint32_t line, tr__eval *eval)
{
    struct tr__node *n = tr__node(p, line);
    if (n)
        n->eval = eval;
    return n;
}

/* Chains of operators are deep on their left though nothing is nested in the text. */
int tr__adopt(struct tr__parser *p, struct tr__node *parent, struct tr__node **place,
              struct tr__node *child)
{
    if (!parent || !child)
        return -1;
    *place = child;
    if (parent->depth <= child->depth)
        parent->depth = child->depth + 1;
    if (parent->depth > TR_CHAT_MAX_DEPTH / 2)
        return tr__parse_fail(p, parent->line, "too much in one expression or statement");
    return 0;
}

int tr__nodes_add(struct tr__parser *p, struct tr__nodes *list, struct tr__node *n)
{
    if (!n)
        return -1;
    if (tr__grow(&list->item, &list->cap, list->n + 1, sizeof *list->item))
        return tr_err_sys(p->src.err, "'%s'", p->src.name);
    list->item[list->n++] = n;
    return 0;
}

struct tr__node *tr__nodes_done(struct tr__parser *p, struct tr__nodes *list,
                                struct tr__node *parent, int ok)
{
    if (ok && parent && (parent->item = tr__parse_alloc(p, list->n, sizeof *list->item))) {
        parent->n_item = list->n;
        for (size_t i = 0; ok && i < list->n; i++)
            ok = !tr__adopt(p, parent, &parent->item[i], list->item[i]);
    } else
        ok = 0;
    free(list->item);
    return ok ? parent : NULL;
}
