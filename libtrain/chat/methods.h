/* SPDX-License-Identifier: MIT
 *
 * Methods of values, by their list.
 */
#ifndef LIBTRAIN_CHAT_METHODS_H
#define LIBTRAIN_CHAT_METHODS_H

#include <libtrain/chat/run.h>

#define TR_METHOD(type, name, params)                                          \
    int tr__##type##_##name(struct tr__run *r, const struct tr__call *c,       \
                            struct tr__val *out);
#define TR_HIDDEN(type, name)
#define TR_UNSUPPORTED(type, name)
#include <libtrain/chat/methods.def>
#undef TR_METHOD
#undef TR_HIDDEN
#undef TR_UNSUPPORTED

#endif
