/* SPDX-License-Identifier: MIT
 *
 * Arguments of filters, tests, methods and functions.
 */
#ifndef LIBTRAIN_CHAT_ARGS_H
#define LIBTRAIN_CHAT_ARGS_H

#include <libtrain/chat/run.h>

static inline int tr__given(const struct tr__call *c, size_t i)
{
    return c->arg[i].kind != TR__MISSING;
}
static inline int tr__flag(const struct tr__run *r, const struct tr__call *c, size_t i)
{
    return tr__given(c, i) && tr__truth(r, &c->arg[i]);
}
/* An integer, or `otherwise` where it is not given (or None). */
int tr__int_arg(struct tr__run *r, const struct tr__call *c, size_t i, int64_t otherwise,
                int64_t *to);
/* Refuses what is no string. */
int tr__str_arg(struct tr__run *r, const struct tr__call *c, size_t i);
/* str(self) of a filter that works on strings. */
int tr__self_str(struct tr__run *r, const struct tr__call *c, struct tr__val *out);
/* The parts of "a.b.0" of v; `path` may be an integer too. */
int tr__get_path(struct tr__run *r, const struct tr__val *v, const struct tr__val *path,
                 struct tr__val *out);
/* The value by which items are ordered: of the path, if it is given, in lower case unless
 * that matters. */
int tr__sort_key(struct tr__run *r, const struct tr__val *v, const struct tr__val *path,
                 int case_sensitive, struct tr__val *out);
struct tr__sorted { struct tr__val key, value; };
/* Stable; an error where two keys have no order, though `same` lets equal ones pass. */
int tr__sort(struct tr__run *r, struct tr__sorted *item, size_t n, int reverse, int same);

#endif
