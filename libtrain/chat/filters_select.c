/* SPDX-License-Identifier: MIT
 *
 * map, select, reject and the same by attribute.  They give generators, as in Jinja.  Next:
 * filters_values.c.
 */
#include <libtrain/chat/filters.h>
#include <libtrain/chat/state.h>

#include <string.h>

static const struct tr__val *named(const struct tr__args *args, const char *name)
{
    for (size_t i = 0; i < args->n_named; i++)
        if (args->named[i].n == strlen(name) &&
            memcmp(args->named[i].name, name, args->named[i].n) == 0)
            return &args->named[i].value;
    return NULL;
}

/* What follows argument i, as arguments of the filter or test that it names. */
static struct tr__args behind(const struct tr__args *args, size_t i)
{
    struct tr__args rest = *args;
    size_t n = args->n < i ? args->n : i;
    rest.at += n;
    rest.n -= n;
    return rest;
}

static int mapped(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    const struct tr__args *args = &g->call->all;
    const struct tr__val *path = named(args, "attribute"), *other = named(args, "default");
    const struct tr__callable *f = NULL;
    struct tr__args rest = behind(args, 1);
    struct tr__val from, *item;
    if (!tr__truth(r, &g->call->self)) /* None too has nothing in it */
        return tr__list(r, TR__LIST, NULL, 0, list);
    if (!path && args->n && tr__is_str(&args->at[0]))
        f = r->filter(args->at[0].as.s, args->at[0].n);
    if (path ? args->n != 0 || args->n_named > 1u + (other != NULL) : !f)
        return tr__raise(r, "map needs a filter or an attribute");
    if (tr__items(r, &g->call->self, &from) || !(item = tr__alloc(r, from.n, sizeof *item)))
        return r->err->code;
    for (size_t i = 0; i < from.n; i++) {
        const struct tr__val *v = &from.as.item[i];
        if (path ? tr__get_path(r, v, path, &item[i]) : tr__invoke(r, f, v, &rest,
                                                                   &item[i]))
            return r->err->code;
        if (path && other && item[i].kind == TR__UNDEFINED)
            item[i] = *other;
    }
    return tr__list(r, TR__LIST, item, from.n, list);
}

int tr__filter_map(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, mapped, out);
}

/* Items whose test (or, without one, whose truth) is as wanted; of attributes of theirs
 * where the first argument names one. */
static int chosen(struct tr__run *r, const struct tr__generator *g, int by_attribute,
                  int wanted, struct tr__val *list)
{
    const struct tr__args *args = &g->call->all;
    size_t at = by_attribute ? 1 : 0;
    const struct tr__callable *test = NULL;
    struct tr__args rest = behind(args, at + 1);
    struct tr__growing all = { 0 };
    struct tr__val from, v;
    if (!tr__truth(r, &g->call->self))
        return tr__list(r, TR__LIST, NULL, 0, list);
    if (args->n < at)
        return tr__raise(r, "'%s' needs an attribute", g->call->what->name);
    if (args->n > at && (!tr__is_str(&args->at[at]) ||
                         !(test = r->test(args->at[at].as.s, args->at[at].n))))
        return tr__raise(r, "'%s' with a test that there is not", g->call->what->name);
    if (tr__items(r, &g->call->self, &from))
        return r->err->code;
    for (size_t i = 0; i < from.n; i++) {
        v = from.as.item[i];
        if ((by_attribute && tr__get_path(r, &from.as.item[i], &args->at[0], &v)) ||
            (test && tr__invoke(r, test, &v, &rest, &v)) || tr__steps(r, 1))
            return r->err->code;
        if (tr__truth(r, &v) == wanted && tr__add(r, &all, &from.as.item[i]))
            return r->err->code;
    }
    return tr__list(r, TR__LIST, all.item, all.n, list);
}

static int select(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    return chosen(r, g, 0, 1, list);
}

static int reject(struct tr__run *r, const struct tr__generator *g, struct tr__val *list)
{
    return chosen(r, g, 0, 0, list);
}

static int select_attr(struct tr__run *r, const struct tr__generator *g,
                       struct tr__val *list)
{
    return chosen(r, g, 1, 1, list);
}

static int reject_attr(struct tr__run *r, const struct tr__generator *g,
                       struct tr__val *list)
{
    return chosen(r, g, 1, 0, list);
}

int tr__filter_select(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, select, out);
}

int tr__filter_reject(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, reject, out);
}

int tr__filter_selectattr(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, select_attr, out);
}

int tr__filter_rejectattr(struct tr__run *r, const struct tr__call *c, struct tr__val *out)
{
    return tr__generator(r, c, reject_attr, out);
}
