/* SPDX-License-Identifier: MIT
 *
 * Templates as callers hold them.  Next: lexer.c.
 */
#include <libtrain/chat/parser.h>

#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>

enum { POOL = 1 << 28 }; /* bytes of a tree: some hundred for one of a template */

/* Line ends become \n, and one at the end goes. */
static size_t normalise(const char *from, size_t n, char *to)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (from[i] == '\r' && i + 1 < n && from[i + 1] == '\n')
            continue;
        to[k++] = from[i] == '\r' ? '\n' : from[i];
    }
    return k > 0 && to[k - 1] == '\n' ? k - 1 : k;
}

static int check_text(const char *name, const char *s, size_t n, struct tr_err *err)
{
    size_t len;
    if (n > TR_CHAT_MAX_TEMPLATE)
        return tr_err_set(err, TR_EFORMAT, "'%s': a template of %zu bytes, at most %d",
                          name,
                          n, TR_CHAT_MAX_TEMPLATE);
    for (size_t i = 0; i < n; i += len)
        if ((len = tr__utf8_len(s + i, n - i)) == 0)
            return tr_err_set(err, TR_EFORMAT, "'%s' byte %zu: not UTF-8", name, i);
    return 0;
}

static int copy(struct tr_chat *c, const char *name, const char *text, size_t n)
{
    char *copy = tr__pool_bytes(&c->pool, n);
    c->name = tr__pool_bytes(&c->pool, strlen(name) + 1);
    char *plain = tr__pool_bytes(&c->pool, n);
    if (!c->name || !copy || !plain)
        return -1;
    memcpy(c->name, name, strlen(name) + 1);
    if (n)
        memcpy(copy, text, n);
    c->given = copy;
    c->n_given = n;
    c->text = plain;
    c->n_text = normalise(text, n, plain);
    return 0;
}

static int parse(struct tr_chat *c, struct tr_err *err)
{
    struct tr__parser p = { .chat = c, .find_filter = tr__find_filter,
                            .find_test = tr__find_test };
    p.src = (struct tr__source){ .name = c->name, .s = c->text, .n = c->n_text,
                                 .pool = &c->pool, .err = err };
    int rc = tr__lex(&p.src);
    p.t = p.src.token;
    if (!rc)
        rc = tr__parse_template(&p);
    free(p.src.token);
    return rc;
}

struct tr_chat *tr_chat_new(const char *name, const char *text, size_t n,
                            struct tr_err *err)
{
    struct tr_err own = { 0 };
    struct tr_chat *c;
    int rc = check_text(name, text, n, &own);
    if (!rc && (c = calloc(1, sizeof *c))) {
        c->pool.most = POOL;
        rc = copy(c, name, text, n) ? TR_ENOMEM : parse(c, &own);
        if (!rc && own.code == 0)
            return c;
        tr_chat_free(c);
    } else if (!rc)
        rc = TR_ENOMEM;
    if (own.code == 0)
        tr_err_set(&own, TR_ENOMEM, "'%s': no memory", name);
    tr_err_set(err, own.code, "%s", own.text);
    return NULL;
}

void tr_chat_free(struct tr_chat *c)
{
    if (!c)
        return;
    for (struct tr__scope *s = c->scope; s; s = s->next) {
        free(s->variable);
        free(s->use);
    }
    free(c->names);
    tr__pool_release(&c->pool);
    free(c);
}

int tr_chat_has_generation(const struct tr_chat *c)
{
    return c->has_generation;
}
