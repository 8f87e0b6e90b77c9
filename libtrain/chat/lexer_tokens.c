/* SPDX-License-Identifier: MIT
 *
 * The tokens of a template as they are collected, and what is said where one is wrong.
 * Next: lexer.c.
 */
#include <libtrain/chat/lexer.h>

#include <libtrain/base/base.h>

#include <stdarg.h>
#include <stdio.h>

int tr__lex_fail(const struct tr__source *src, uint32_t line, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return tr_err_set(src->err, TR_EFORMAT, "'%s' line %u: %s", src->name, (unsigned)line,
                      text);
}

int tr__lex_push(struct tr__source *src, struct tr__lex t)
{
    if (tr__grow(&src->token, &src->cap, src->n_token + 1, sizeof *src->token))
        return tr_err_sys(src->err, "'%s'", src->name);
    src->token[src->n_token++] = t;
    return 0;
}
