/* SPDX-License-Identifier: MIT
 *
 * One rendering: its limits, its failures, and how functions of templates are called.
 */
#ifndef LIBTRAIN_CHAT_RUN_H
#define LIBTRAIN_CHAT_RUN_H

#include <libtrain/chat/pool.h>
#include <libtrain/chat/value.h>

struct tr__run {
    const struct tr_chat *chat;
    struct tr_chat_text *out;
    struct tr_err *err;
    struct tr__pool *cells, *bytes; /* values; strings */
    const struct tr__type *const *type; /* by enum tr__kind */
    const struct tr__val *global;   /* by number of the name, as tr__chat_names counts */
    int64_t now;
    uint64_t steps;
    uint32_t line; /* of the template, for messages */
    unsigned depth;
    const struct tr__callable *(*filter)(const char *name, size_t n);
    const struct tr__callable *(*test)(const char *name, size_t n);
    const struct tr__callable *(*method)(const char *family, const char *name, size_t n);
};

/* "'NAME' line 3: …", TR_EFORMAT. */
int tr__raise(struct tr__run *r, const char *fmt, ...) TR_PRINTF(2, 3);
/* What is done to an undefined value that may not be done to one. */
int tr__raise_undefined(struct tr__run *r, const struct tr__val *v);
/* The system has no memory, or the rendering wants more than it may have. */
int tr__out_of_room(struct tr__run *r);
int tr__too_large(struct tr__run *r);
int tr__too_long(struct tr__run *r);

static inline const struct tr__type *tr__type(const struct tr__run *r,
                                              const struct tr__val *v)
{
    return r->type[v->kind];
}
static inline int tr__truth(const struct tr__run *r, const struct tr__val *v)
{
    const struct tr__type *type = tr__type(r, v);
    return !type->truth || type->truth(v);
}

/* Count work: one step is what evaluating a small expression costs. */
static inline int tr__steps(struct tr__run *r, uint64_t n)
{
    r->steps += n;
    return r->steps > TR_CHAT_MAX_STEPS ? tr__too_long(r) : 0;
}

/* From the pool of values; NULL with the failure set. */
void *tr__alloc(struct tr__run *r, size_t count, size_t size);

struct tr__named { const char *name; size_t n; struct tr__val value; };
struct tr__args { /* as they stand in a call */
    const struct tr__val *at;
    size_t n;
    const struct tr__named *named;
    size_t n_named;
};

enum { TR__MAX_ARGS = 8 };
struct tr__call { /* of a filter, test, method or global function */
    const struct tr__callable *what;
    struct tr__val self;              /* left of `|`, `is` or the dot */
    struct tr__val arg[TR__MAX_ARGS]; /* in the order of params; type NULL: not given */
    struct tr__args all;
};
struct tr__callable {
    const char *name;
    /* Names of its parameters, in order; behind `/` those that may be left out.  "*": any
     * arguments, which stand in `all`.  NULL: hidden from templates. */
    const char *params;
    /* NULL: Python knows it, we do not. */
    int (*call)(struct tr__run *r, const struct tr__call *c, struct tr__val *out);
};
/* Puts arguments in their places and calls. */
int tr__invoke(struct tr__run *r, const struct tr__callable *what,
               const struct tr__val *self,
               const struct tr__args *args, struct tr__val *out);

/* By name; NULL if there is none. */
const struct tr__callable *tr__find_filter(const char *name, size_t n);
const struct tr__callable *tr__find_test(const char *name, size_t n);
const struct tr__callable *tr__find_global(const char *name, size_t n);
const struct tr__callable *tr__find_method(const char *family, const char *name, size_t n);
const struct tr__callable *tr__find_callable(const struct tr__callable *list,
                                             const char *name, size_t n);

#endif
