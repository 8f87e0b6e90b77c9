/* SPDX-License-Identifier: MIT
 *
 * What is rendered into a string.
 */
#ifndef LIBTRAIN_CHAT_CAPTURE_H
#define LIBTRAIN_CHAT_CAPTURE_H

#include <libtrain/chat/tree.h>

int tr__exec_captured(struct tr__run *r, struct tr__frame *f, const struct tr__node *body,
                      struct tr__val *out);

#endif
