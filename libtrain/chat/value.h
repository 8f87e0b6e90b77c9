/* SPDX-License-Identifier: MIT
 *
 * Values of a rendering.  They are copied freely; what they point at lies in the
 * rendering's pools and does not change, but for namespaces, loops and generators.
 */
#ifndef LIBTRAIN_CHAT_VALUE_H
#define LIBTRAIN_CHAT_VALUE_H

#include <libtrain/chat.h>

#include <stddef.h>
#include <stdint.h>

struct tr__run;
struct tr__build;
struct tr__args;

enum tr__origin { /* of the bytes of a string */
    TR__OURS, /* all of the template, or of the caller's variables */
    TR__DATA, /* all of the row */
    TR__BOTH  /* as `more` says */
};
struct tr__marks { /* bytes of a string that came from the row: ascending, apart */
    size_t n;
    struct tr_chat_range at[];
};

enum tr__kind {
    TR__MISSING, /* a variable that was not set, an argument that was not given */
#define TR_TYPE(KIND, name) TR__##KIND,
#include <libtrain/chat/types.def>
#undef TR_TYPE
    TR__N_KIND
};

struct tr__val {
    uint8_t kind;   /* enum tr__kind */
    uint8_t origin; /* enum tr__origin; lists, dicts: TR__DATA from the row */
    uint8_t safe;   /* a string that needs no escaping (Python's Markup) */
    uint16_t depth; /* lists and dicts: 1 + that of the deepest in it */
    size_t n;       /* bytes, items, pairs */
    union {
        int64_t i;
        double x;
        const char *s;
        const struct tr__val *item;
        const struct tr__pair *pair;
        const void *any;
    } as;
    const void *more; /* of a string its marks; of a function its object */
};
struct tr__pair { struct tr__val key, value; };

enum { TR__MAX_VALUE_DEPTH = 200 };

struct tr__iter { /* over a value's items; start with { value, 0 } */
    struct tr__val of;
    size_t at;
};

/* A type of values.  Functions that may fail return a negative code, the failure set. */
struct tr__type {
    const char *name;    /* "a list", for messages */
    const char *methods; /* its family in methods.def; NULL: none */
    unsigned sized : 1, sequence : 1, mapping : 1, number : 1;
    int (*truth)(const struct tr__val *v); /* NULL: always true */
    /* both of this type; NULL: equal if they are the same */
    int (*equal)(struct tr__run *r, const struct tr__val *a, const struct tr__val *b);
    /* 1 and the next item, 0 at the end; NULL: not iterable */
    int (*next)(struct tr__run *r, struct tr__iter *it, struct tr__val *out);
    /* v[key], v.name: 1, or 0 if there is none; NULL: there never is */
    int (*item)(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                struct tr__val *out);
    int (*attribute)(struct tr__run *r, const struct tr__val *v, const struct tr__val *name,
                     struct tr__val *out);
    /* str(v) or repr(v), appended; NULL: refused */
    void (*print)(struct tr__build *b, const struct tr__val *v, int repr);
    int (*call)(struct tr__run *r, const struct tr__val *v, const struct tr__args *args,
                struct tr__val *out);
};

#define TR_TYPE(KIND, name) extern const struct tr__type tr__type_##name;
#include <libtrain/chat/types.def>
#undef TR_TYPE

static inline int tr__is_str(const struct tr__val *v)
{
    return v->kind == TR__STR;
}
/* Not given, or None, which Python's own functions take for it. */
static inline int tr__absent(const struct tr__val *v)
{
    return v->kind == TR__MISSING || v->kind == TR__NONE;
}
static inline struct tr__val tr__none(void)
{
    return (struct tr__val){ .kind = TR__NONE };
}
static inline struct tr__val tr__bool(int x)
{
    return (struct tr__val){ .kind = TR__BOOL, .as.i = x != 0 };
}
static inline struct tr__val tr__int(int64_t i)
{
    return (struct tr__val){ .kind = TR__INT, .as.i = i };
}
static inline struct tr__val tr__float(double x)
{
    return (struct tr__val){ .kind = TR__FLOAT, .as.x = x };
}
static inline struct tr__val tr__str(const char *s, size_t n, enum tr__origin origin)
{
    return (struct tr__val){ .kind = TR__STR, .origin = (uint8_t)origin, .n = n,
                             .as.s = s };
}
/* `of`: the type that lacks it; NULL: a variable.  name stays the caller's. */
static inline struct tr__val tr__undefined(const struct tr__type *of, const char *name,
                                           size_t n)
{
    return (struct tr__val){ .kind = TR__UNDEFINED, .n = n, .as.s = name, .more = of };
}

/* 1, 0, or a negative code where the values are nested too deep for it. */
int tr__equal(struct tr__run *r, const struct tr__val *a, const struct tr__val *b);
/* -1, 0, 1 in *order; an error where Python has none. */
int tr__compare(struct tr__run *r, const struct tr__val *a, const struct tr__val *b,
                int *order);
/* Is x in v? */
int tr__contains(struct tr__run *r, const struct tr__val *v, const struct tr__val *x);
/* Refuses what has no items. */
int tr__iterable(struct tr__run *r, const struct tr__val *v);
/* The next item: 1, 0 at the end, or a negative code. */
int tr__next(struct tr__run *r, struct tr__iter *it, struct tr__val *out);
/* All items of v as an array; a generator is empty thereafter. */
int tr__items(struct tr__run *r, const struct tr__val *v, struct tr__val *list);
/* bool, int or float as a double: 1, or 0 if it is none. */
int tr__number(const struct tr__val *v, double *x);
/* bool or int: 1 and the integer, or 0. */
int tr__integer(const struct tr__val *v, int64_t *i);

/* A list (tuple, dict) of what is in the pool already; refuses depth. */
int tr__list(struct tr__run *r, enum tr__kind kind, const struct tr__val *item, size_t n,
             struct tr__val *out);
int tr__dict(struct tr__run *r, const struct tr__pair *pair, size_t n, struct tr__val *out);
/* Items added one by one: start with {0}. */
struct tr__growing { struct tr__val *item; size_t n, cap; };
int tr__add(struct tr__run *r, struct tr__growing *list, const struct tr__val *v);

/* The value behind a key: 1, or 0. */
int tr__lookup(const struct tr__val *dict, const char *key, size_t n, struct tr__val *out);
/* v[key] with slots for methods, v.name: what Jinja's sandbox finds, or undefined. */
int tr__get_item(struct tr__run *r, const struct tr__val *v, const struct tr__val *key,
                 struct tr__val *out);
int tr__get_attribute(struct tr__run *r, const struct tr__val *v,
                      const struct tr__val *name,
                      struct tr__val *out);
int tr__call_value(struct tr__run *r, const struct tr__val *f, const struct tr__args *args,
                   struct tr__val *out);

struct tr__space { /* what a namespace value points at */
    struct tr__pair *pair;
    size_t n, cap;
};
int tr__space_set(struct tr__run *r, struct tr__space *s, const struct tr__val *name,
                  const struct tr__val *v);

/* The same, but refuses names that begin with `_`. */
int tr__namespace_set(struct tr__run *r, struct tr__space *s, const struct tr__val *name,
                      const struct tr__val *v);

struct tr__generator { /* what map, select and their like give: made when first used */
    int (*make)(struct tr__run *r, const struct tr__generator *g, struct tr__val *list);
    const struct tr__call *call;
    struct tr__val list;
    size_t at;
    int made;
};

#endif
