/* SPDX-License-Identifier: MIT
 *
 * Conversations in MLC's form.
 */
#ifndef LIBTRAIN_PUBLISH_MLC_CHAT_H
#define LIBTRAIN_PUBLISH_MLC_CHAT_H

#include <libtrain/publish/put.h>
#include <libtrain/publish/turns.h>

/* Set "conv_template" of o: what m->chat does, with m->system as the system message of each
 * chat that brings none, if that is not NULL.  A chat template that this form cannot carry is
 * TR_EUNSUPPORTED; m->chat NULL: a plain one, texts and nothing else.  say hears of what a user
 * should know, in whole sentences. */
int tr__mlc_chat(struct tr__put *o, const struct tr_modelfile *m,
                 const struct tr_tokenizer *tok, void (*say)(void *ctx, const char *line),
                 void *ctx, struct tr_err *err) TR_MUST_CHECK;

#endif
