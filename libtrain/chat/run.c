/* SPDX-License-Identifier: MIT
 *
 * What goes wrong in a rendering, and its memory.  A failure names template and line, since
 * whoever reads it has a template of some hundred lines that somebody else wrote.  Next:
 * text.c.
 */
#include <libtrain/chat/run.h>
#include <libtrain/chat/tree.h>

#include <stdarg.h>
#include <stdio.h>

int tr__raise(struct tr__run *r, const char *fmt, ...)
{
    char text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return tr_err_set(r->err, TR_EFORMAT, "'%s' line %u: %s", r->chat->name,
                      (unsigned)r->line, text);
}

int tr__raise_undefined(struct tr__run *r, const struct tr__val *v)
{
    const struct tr__type *of = v->more;
    int n = v->n < 80 ? (int)v->n : 80;
    if (!of)
        return tr__raise(r, "'%.*s' is undefined", n, v->as.s);
    return tr__raise(r, "%s has no '%.*s'", of->name, n, v->as.s);
}

int tr__too_large(struct tr__run *r)
{
    r->cells->refused = 1;
    return tr__out_of_room(r);
}

int tr__out_of_room(struct tr__run *r)
{
    if (r->cells->refused || r->bytes->refused)
        return tr__raise(r, "the rendering needs more than %d MiB of memory",
                         TR_CHAT_MAX_MEMORY >> 20);
    tr__raise(r, "out of memory");
    if (r->err)
        r->err->code = TR_ENOMEM;
    return TR_ENOMEM;
}

int tr__too_long(struct tr__run *r)
{
    return tr__raise(r, "the rendering takes more than %d steps", TR_CHAT_MAX_STEPS);
}

void *tr__alloc(struct tr__run *r, size_t count, size_t size)
{
    void *got = tr__pool_get(r->cells, count <= SIZE_MAX / size ? count * size : SIZE_MAX);
    if (!got)
        tr__out_of_room(r);
    return got;
}
