/* SPDX-License-Identifier: MIT
 *
 * Tests: x is string, x is divisibleby 3, and as arguments of select.  Jinja knows some of
 * them by their signs too ('==').  Next: globals.c.
 */
#include <libtrain/chat/args.h>
#include <libtrain/chat/tree.h>

#include <string.h>

#define TEST(name)                                                              \
    static int name(struct tr__run *r, const struct tr__call *c)

TEST(defined)
{
    (void)r;
    return c->self.kind != TR__UNDEFINED;
}

TEST(undefined)
{
    (void)r;
    return c->self.kind == TR__UNDEFINED;
}

TEST(none)
{
    (void)r;
    return c->self.kind == TR__NONE;
}

TEST(boolean)
{
    (void)r;
    return c->self.kind == TR__BOOL;
}

TEST(false)
{
    (void)r;
    return c->self.kind == TR__BOOL && !c->self.as.i;
}

TEST(true)
{
    (void)r;
    return c->self.kind == TR__BOOL && c->self.as.i;
}

TEST(integer)
{
    (void)r;
    return c->self.kind == TR__INT || c->self.kind == TR__BIG;
}

TEST(is_float)
{
    (void)r;
    return c->self.kind == TR__FLOAT;
}

TEST(number)
{
    return tr__type(r, &c->self)->number;
}

TEST(string)
{
    (void)r;
    return tr__is_str(&c->self);
}

TEST(mapping)
{
    return tr__type(r, &c->self)->mapping;
}

TEST(sequence)
{
    return tr__type(r, &c->self)->sequence;
}

TEST(iterable)
{
    return tr__type(r, &c->self)->next != NULL;
}

TEST(callable)
{
    return c->self.kind == TR__UNDEFINED || tr__type(r, &c->self)->call != NULL;
}

static int remainder_of(struct tr__run *r, const struct tr__call *c,
                        const struct tr__val *by, int64_t *rest)
{
    struct tr__val left;
    if (tr__is_str(&c->self))
        return tr__raise(r, "'%s' of a str", c->what->name);
    if (tr__operator_modulo.apply(r, &c->self, by, &left))
        return r->err->code;
    if (!tr__integer(&left, rest))
        *rest = left.as.x == 0 ? 0 : left.as.x == 1 ? 1 : 2;
    return 0;
}

TEST(odd)
{
    int64_t rest;
    const struct tr__val two = tr__int(2);
    return remainder_of(r, c, &two, &rest) ? r->err->code : rest == 1;
}

TEST(even)
{
    int64_t rest;
    const struct tr__val two = tr__int(2);
    return remainder_of(r, c, &two, &rest) ? r->err->code : rest == 0;
}

TEST(divisible)
{
    int64_t rest;
    return remainder_of(r, c, &c->arg[0], &rest) ? r->err->code : rest == 0;
}

static int of_case(struct tr__run *r, const struct tr__call *c, const char *method)
{
    struct tr__val s, yes;
    const struct tr__args none = { 0 };
    if (tr__self_str(r, c, &s) ||
        tr__invoke(r, r->method("str", method, strlen(method)), &s, &none, &yes))
        return r->err->code;
    return tr__truth(r, &yes);
}

TEST(lower)
{
    return of_case(r, c, "islower");
}

TEST(upper)
{
    return of_case(r, c, "isupper");
}

TEST(in)
{
    return tr__contains(r, &c->arg[0], &c->self);
}

TEST(equal)
{
    return tr__equal(r, &c->self, &c->arg[0]);
}

TEST(differs)
{
    int same = tr__equal(r, &c->self, &c->arg[0]);
    return same < 0 ? same : !same;
}

TEST(less)
{
    int order;
    return tr__compare(r, &c->self, &c->arg[0], &order) ? r->err->code : order == -1;
}

TEST(greater)
{
    int order;
    return tr__compare(r, &c->self, &c->arg[0], &order) ? r->err->code : order == 1;
}

TEST(at_most)
{
    int order;
    return tr__compare(r, &c->self, &c->arg[0], &order) ? r->err->code : order <= 0;
}

TEST(at_least)
{
    int order;
    return tr__compare(r, &c->self, &c->arg[0], &order) ? r->err->code
                                                       : order == 0 || order == 1;
}

TEST(filter)
{
    return tr__is_str(&c->self) && r->filter(c->self.as.s, c->self.n);
}

TEST(test)
{
    return tr__is_str(&c->self) && r->test(c->self.as.s, c->self.n);
}

/* A test as a callable gives a boolean. */
#define TR_TEST(name, params, function)                                         \
    static int call_##name(struct tr__run *r, const struct tr__call *c,         \
                           struct tr__val *out)                                 \
    {                                                                           \
        int yes = function(r, c);                                               \
        *out = tr__bool(yes > 0);                                               \
        return yes < 0 ? yes : 0;                                               \
    }
#define TR_NO_TEST(name)
#include <libtrain/chat/tests.def>
#undef TR_TEST
#undef TR_NO_TEST

static const struct tr__callable tests[] = {
#define TR_TEST(name, params, function) { #name, params, call_##name },
#define TR_NO_TEST(name) { #name, "*", NULL },
#include <libtrain/chat/tests.def>
#undef TR_TEST
#undef TR_NO_TEST
    { "==", "b", call_eq }, { "!=", "b", call_ne }, { "<", "b", call_lt },
    { ">", "b", call_gt }, { "<=", "b", call_le }, { ">=", "b", call_ge },
    { NULL, NULL, NULL }
};

const struct tr__callable *tr__find_test(const char *name, size_t n)
{
    return tr__find_callable(tests, name, n);
}
