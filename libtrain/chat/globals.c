/* SPDX-License-Identifier: MIT
 *
 * Functions that are there without being given.  The only thing outside of a template that
 * one of them sees is the clock, and that is an argument of the rendering.  Next: render.c.
 */
#include <libtrain/chat/args.h>
#include <libtrain/chat/sequence.h>
#include <libtrain/chat/text.h>

#include <string.h>
#include <time.h>

enum { MAX_RANGE = 100000 }; /* numbers, as in Jinja's sandbox */

static int raise_exception(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    if (tr__to_str(r, &c->arg[0], out))
        return r->err->code;
    return tr__raise(r, "the template refuses this: %.*s", (int)(out->n < 300 ? out->n
                                                                 : 300),
                     out->as.s);
}

static int strftime_now(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    time_t now = (time_t)r->now;
    struct tm tm;
    char format[256], text[1024];
    const struct tr__val *f = &c->arg[0];
    if (tr__str_arg(r, c, 0))
        return r->err->code;
    if (f->n >= sizeof format || (f->n && memchr(f->as.s, 0, f->n)) || !localtime_r(&now,
                                                                                    &tm))
        return tr__raise(r, "a date that cannot be written");
    memcpy(format, f->as.s, f->n);
    format[f->n] = 0;
    size_t n = strftime(text, sizeof text, format, &tm);
    char *copy = tr__pool_bytes(r->bytes, n);
    if (!copy)
        return tr__out_of_room(r);
    memcpy(copy, text, n);
    *out = tr__str(copy, n, TR__OURS);
    return 0;
}

/* dict(other, a=1) or namespace(other, a=1) as pairs. */
static int pairs(struct tr__run *r, const struct tr__call *c,
                 int (*set)(struct tr__run *r, struct tr__space *s,
                            const struct tr__val *name, const struct tr__val *v),
                 struct tr__space *s)
{
    const struct tr__args *a = &c->all;
    if (a->n > 1 || (a->n && a->at[0].kind != TR__DICT))
        return tr__raise(r, "'%s' of something else than a dict is not supported",
                         c->what->name);
    for (size_t i = 0; a->n && i < a->at[0].n; i++)
        if (set(r, s, &a->at[0].as.pair[i].key, &a->at[0].as.pair[i].value))
            return r->err->code;
    for (size_t i = 0; i < a->n_named; i++) {
        struct tr__val name = tr__str(a->named[i].name, a->named[i].n, TR__OURS);
        if (set(r, s, &name, &a->named[i].value))
            return r->err->code;
    }
    return 0;
}

static int namespace(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__space *s = tr__alloc(r, 1, sizeof *s);
    if (!s)
        return r->err->code;
    *s = (struct tr__space){ 0 };
    *out = (struct tr__val){ .kind = TR__NAMESPACE, .as.any = s };
    return pairs(r, c, tr__namespace_set, s);
}

static int dict(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    struct tr__space s = { 0 };
    return pairs(r, c, tr__space_set, &s) ? r->err->code : tr__dict(r, s.pair, s.n, out);
}

static int range(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    const struct tr__args *a = &c->all;
    struct tr__range range = { 0, 0, 1 };
    int64_t *to[] = { a->n == 1 ? &range.stop : &range.start, &range.stop, &range.step };
    if (a->n < 1 || a->n > 3 || a->n_named)
        return tr__raise(r, "'range' takes one to three numbers");
    for (size_t i = 0; i < a->n; i++) {
        if (a->at[i].kind == TR__UNDEFINED)
            return tr__raise_undefined(r, &a->at[i]);
        if (!tr__integer(&a->at[i], to[i]))
            return tr__raise(r, "'range' of %s", tr__type(r, &a->at[i])->name);
    }
    return tr__range(r, &range, MAX_RANGE, out);
}

static const struct tr__callable globals[] = {
#define TR_GLOBAL(name, params) { #name, params, name },
#define TR_NO_GLOBAL(name) { #name, "*", NULL },
#include <libtrain/chat/globals.def>
#undef TR_GLOBAL
#undef TR_NO_GLOBAL
    { NULL, NULL, NULL }
};

const struct tr__callable *tr__find_global(const char *name, size_t n)
{
    return tr__find_callable(globals, name, n);
}
