/* SPDX-License-Identifier: MIT
 *
 * Calls of what the program gives to templates: filters, tests, methods, functions.  Each
 * lists the names of its parameters, so that arguments are put in their places, and wrong
 * ones refused, in one place.  Next: filters.def.
 */
#include <libtrain/chat/run.h>

#include <string.h>

const struct tr__callable *tr__find_callable(const struct tr__callable *list,
                                             const char *name, size_t n)
{
    for (; list->name; list++)
        if (list->name[0] == name[0] && strlen(list->name) == n &&
            memcmp(list->name, name, n) == 0)
            return list;
    return NULL;
}

/* The next parameter of a list of names; *optional turns 1 at the `/`. */
static const char *next_param(const char *p, size_t *n, int *optional)
{
    p += strspn(p, " ");
    if (*p == '/') {
        *optional = 1;
        p++;
        p += strspn(p, " ");
    }
    *n = strcspn(p, " ");
    return p;
}

static int too_many(struct tr__run *r, const struct tr__callable *what)
{
    return tr__raise(r, "'%s' has too many arguments", what->name);
}

static const struct tr__named *by_name(const struct tr__args *args, const char *name,
                                       size_t n)
{
    for (size_t i = 0; i < args->n_named; i++)
        if (args->named[i].n == n && memcmp(args->named[i].name, name, n) == 0)
            return &args->named[i];
    return NULL;
}

static int bind(struct tr__run *r, const struct tr__callable *what,
                const struct tr__args *args, struct tr__call *c)
{
    size_t i = 0, n, used = 0;
    int optional = 0;
    const char *p = what->params;
    for (p = next_param(p, &n, &optional); n; p = next_param(p + n, &n, &optional), i++) {
        const struct tr__named *named = by_name(args, p, n);
        c->arg[i] = (struct tr__val){ 0 };
        if (i < args->n)
            c->arg[i] = args->at[i];
        else if (named) {
            c->arg[i] = named->value;
            used++;
        } else if (!optional)
            return tr__raise(r, "'%s' lacks its argument '%.*s'", what->name, (int)n, p);
    }
    if (args->n > i)
        return too_many(r, what);
    if (used < args->n_named)
        return tr__raise(r, "'%s' does not take these named arguments", what->name);
    return 0;
}

int tr__invoke(struct tr__run *r, const struct tr__callable *what,
               const struct tr__val *self,
               const struct tr__args *args, struct tr__val *out)
{
    struct tr__call c;
    c.what = what;
    c.self = *self;
    c.all = *args;
    if (!what->call)
        return tr__raise(r, "'%s' is not supported", what->name);
    if (*what->params != '*' && bind(r, what, args, &c))
        return r->err->code;
    return what->call(r, &c, out);
}
