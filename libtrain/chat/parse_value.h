/* SPDX-License-Identifier: MIT
 *
 * Values with what stands before and behind them.
 */
#ifndef LIBTRAIN_CHAT_PARSE_VALUE_H
#define LIBTRAIN_CHAT_PARSE_VALUE_H

#include <libtrain/chat/parser.h>

/* A value with its signs in front, and .y [y] (…) behind; `filters`: and | and is. */
struct tr__node *tr__parse_unary(struct tr__parser *p, int filters);

#endif
