/* SPDX-License-Identifier: MIT
 *
 * What a rendered prompt says last, for people.
 */
#ifndef CMDS_SHARED_LAST_SAID_H
#define CMDS_SHARED_LAST_SAID_H

#include <libtrain/tokenizer.h>

/* The text of ids, malloc'ed.  Of a chat, in which special tokens part what was said, it is the
 * last message alone, without the names of roles, and a line end.  A BOS that the model puts
 * in front of every text is no part of it.  NULL when out of memory. */
char *cmd_last_said(const struct tr_tokenizer *tok, const struct tr_tokens *id,
                    struct tr_err *err) TR_MUST_CHECK;

#endif
