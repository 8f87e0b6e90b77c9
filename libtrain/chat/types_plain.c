/* SPDX-License-Identifier: MIT
 *
 * The types without parts: undefined, None, booleans, numbers, functions.  Next:
 * types_str.c.
 */
#include <libtrain/chat/text.h>

#include <libtrain/json.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int never(const struct tr__val *v)
{
    (void)v;
    return 0;
}

static int not_zero(const struct tr__val *v)
{
    return v->as.i != 0;
}

static int not_zero_float(const struct tr__val *v)
{
    return v->as.x != 0;
}

static int always_equal(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    (void)r;
    (void)a;
    (void)b;
    return 1;
}

static int equal_big(struct tr__run *r, const struct tr__val *a, const struct tr__val *b)
{
    (void)r;
    return a->n == b->n && memcmp(a->as.s, b->as.s, a->n) == 0;
}

static int no_next(struct tr__run *r, struct tr__iter *it, struct tr__val *out)
{
    (void)r;
    (void)it;
    (void)out;
    return 0;
}

static void print_undefined(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)v;
    if (repr)
        tr__put_ours(b, "Undefined");
}

static void print_none(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)v;
    (void)repr;
    tr__put_ours(b, "None");
}

static void print_bool(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    tr__put_ours(b, v->as.i ? "True" : "False");
}

static void print_int(struct tr__build *b, const struct tr__val *v, int repr)
{
    char text[32];
    (void)repr;
    snprintf(text, sizeof text, "%" PRId64, v->as.i);
    tr__put_ours(b, text);
}

static void print_big(struct tr__build *b, const struct tr__val *v, int repr)
{
    (void)repr;
    tr__put(b, v->as.s, v->n, 0);
}

static void print_float(struct tr__build *b, const struct tr__val *v, int repr)
{
    char text[32];
    (void)repr;
    tr__put(b, text, tr_json_real_text(v->as.x, text), 0);
}

static int call_function(struct tr__run *r, const struct tr__val *v,
                         const struct tr__args *args, struct tr__val *out)
{
    const struct tr__val none = { 0 }, *self = v->more ? v->more : &none;
    return tr__invoke(r, v->as.any, self, args, out);
}

/* The attributes of dict and namespace, which are types in Python, are not ours. */
const struct tr__type tr__type_undefined = {
    .name = "an undefined value", .sized = 1, .sequence = 1, .truth = never,
    .equal = always_equal, .next = no_next, .print = print_undefined
};
const struct tr__type tr__type_none = {
    .name = "None", .truth = never, .equal = always_equal, .print = print_none
};
const struct tr__type tr__type_bool = {
    .name = "a bool", .methods = "int", .number = 1, .truth = not_zero, .print = print_bool
};
const struct tr__type tr__type_int = {
    .name = "an int", .methods = "int", .number = 1, .truth = not_zero, .print = print_int
};
const struct tr__type tr__type_big = {
    .name = "an int", .methods = "int", .number = 1, .equal = equal_big, .print = print_big
};
const struct tr__type tr__type_float = {
    .name = "a float", .methods = "float", .number = 1, .truth = not_zero_float,
    .print = print_float
};
const struct tr__type tr__type_function = { .name = "a function", .call = call_function };
