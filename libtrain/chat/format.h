/* SPDX-License-Identifier: MIT
 *
 * printf and format of Python.
 */
#ifndef LIBTRAIN_CHAT_FORMAT_H
#define LIBTRAIN_CHAT_FORMAT_H

#include <libtrain/chat/run.h>

/* s % v: a tuple gives several values, a dict those by name. */
int tr__format_percent(struct tr__run *r, const struct tr__val *s, const struct tr__val *v,
                       struct tr__val *out);
/* s.format(…) */
int tr__format_braces(struct tr__run *r, const struct tr__val *s,
                      const struct tr__args *args,
                      struct tr__val *out);

#endif
