/* SPDX-License-Identifier: MIT
 *
 * Which variable a name means.  Jinja decides it when it compiles, and what it decides can
 * be seen: a name that a scope sets anywhere is that scope's from its beginning; it begins
 * as what the name means outside, or, in no scope around it, as the caller's variable,
 * unless the first thing that happens to it is that it is set outside of any `if`: then it
 * is undefined until then.  Loops, macros and blocks that are rendered into a string are
 * scopes, `if` is none.  Next: parse_expression.c.
 */
#include <libtrain/chat/parser.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

int tr__check_known(struct tr__parser *p)
{
    const struct tr__node *n = p->unknown;
    p->unknown = NULL;
    if (!n || p->soft)
        return 0;
    return tr__parse_fail(p, n->line, "there is no %s '%.*s'", n->sign ? "test" : "filter",
                          (int)(n->value.n < 80 ? n->value.n : 80), n->value.as.s);
}

struct tr__scope *tr__open_scope(struct tr__parser *p, struct tr__outer *outer)
{
    struct tr__scope *s = tr__check_known(p) ? NULL : tr__parse_alloc(p, 1, sizeof *s);
    *outer = (struct tr__outer){ p->scope, p->branch, p->soft };
    if (!s)
        return NULL;
    *s = (struct tr__scope){ .outer = p->scope };
    *p->last = s;
    p->last = &s->next;
    p->scope = s;
    p->branch = 0;
    p->soft = 0;
    return s;
}

void tr__close_scope(struct tr__parser *p, const struct tr__outer *outer)
{
    p->scope = outer->scope;
    p->branch = outer->branch;
    p->soft = outer->soft;
}

void tr__use(struct tr__parser *p, enum tr__use_kind kind, const char *name, size_t n,
             struct tr__node *node)
{
    struct tr__scope *s = p->scope;
    if (tr__grow(&s->use, &s->cap_use, s->n_use + 1, sizeof *s->use)) {
        tr_err_sys(p->src.err, "'%s'", p->src.name);
        return;
    }
    s->use[s->n_use++] = (struct tr__use){ kind, p->branch > 0, node, name, n };
}

enum { MOST_WORK = 50000000 }; /* comparisons of names; a template needs some thousand */

static int64_t find(struct tr__parser *p, const struct tr__scope *s, const char *name,
                    size_t n)
{
    p->work += s->n + 1;
    for (size_t i = 0; i < s->n && p->work < MOST_WORK; i++)
        if (s->variable[i].n == n && memcmp(s->variable[i].name, name, n) == 0)
            return (int64_t)i;
    return -1;
}

/* The variable of this name in the scope or around it; *up frames outward. */
static int64_t find_around(struct tr__parser *p, const struct tr__scope *s,
                           const char *name, size_t n,
                           uint32_t *up)
{
    for (*up = 0; s; s = s->outer, ++*up) {
        int64_t slot = find(p, s, name, n);
        if (slot >= 0)
            return slot;
    }
    return -1;
}

static int global(struct tr__parser *p, const char *name, size_t n, uint32_t *number)
{
    struct tr_chat *c = p->chat;
    p->work += c->n_names;
    for (size_t i = 0; i < c->n_names; i++)
        if (c->names[i].n == n && memcmp(c->names[i].s, name, n) == 0) {
            *number = (uint32_t)i;
            return 0;
        }
    if (tr__grow(&c->names, &c->cap_names, c->n_names + 1, sizeof *c->names))
        return tr_err_sys(p->src.err, "'%s'", p->src.name);
    *number = (uint32_t)c->n_names;
    c->names[c->n_names++] = (struct tr__name){ name, n };
    return 0;
}

static int add_variable(struct tr__parser *p, struct tr__scope *s, const struct tr__use *u)
{
    struct tr__variable v = { TR__LOAD_NOTHING, 0, 0, u->name, u->n };
    int64_t outer = s->outer ? find_around(p, s->outer, u->name, u->n, &v.up) : -1;
    if (u->kind == TR__USE_LOAD && outer >= 0)
        return 0;
    if (u->kind == TR__USE_STORE && outer >= 0) {
        v.load = TR__LOAD_OUTER;
        v.from = (uint32_t)outer;
        v.up++;
    } else if (u->kind == TR__USE_LOAD || (u->kind == TR__USE_STORE && u->branch)) {
        v.load = TR__LOAD_GLOBAL;
        if (u->n == 4 && memcmp(u->name, "self", 4) == 0)
            return tr__parse_fail(p, u->node->line, "'self' is not supported");
        if (global(p, u->name, u->n, &v.from))
            return -1;
    }
    if (tr__grow(&s->variable, &s->cap, s->n + 1, sizeof *s->variable))
        return tr_err_sys(p->src.err, "'%s'", p->src.name);
    s->variable[s->n++] = v;
    return 0;
}

static int too_many(struct tr__parser *p, const struct tr__use *u)
{
    if (p->work < MOST_WORK)
        return 0;
    return tr__parse_fail(p, u->node ? u->node->line : 1, "too many names");
}

static int resolve(struct tr__parser *p, struct tr__scope *s)
{
    for (size_t i = 0; i < s->n_use; i++) {
        const struct tr__use *u = &s->use[i];
        if (find(p, s, u->name, u->n) < 0 && add_variable(p, s, u))
            return -1;
        if (too_many(p, u))
            return -1;
    }
    for (size_t i = 0; i < s->n_use; i++) {
        const struct tr__use *u = &s->use[i];
        if (u->node)
            u->node->slot = (uint32_t)find_around(p, s, u->name, u->n, &u->node->up);
        if (too_many(p, u))
            return -1;
    }
    return 0;
}

int tr__resolve_names(struct tr__parser *p)
{
    for (struct tr__scope *s = p->chat->scope; s; s = s->next)
        if (resolve(p, s))
            return p->src.err->code;
    for (struct tr__scope *s = p->chat->scope; s; s = s->next) {
        free(s->use);
        s->use = NULL;
    }
    return 0;
}
