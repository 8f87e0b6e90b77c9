/* SPDX-License-Identifier: MIT
 *
 * Chats for a model to go on with, from JSON to ids.
 */
#ifndef CMDS_SHARED_CHATS_H
#define CMDS_SHARED_CHATS_H

#include "template.h"

#include <libtrain/model.h>
#include <libtrain/tokenizer.h>

/* As cmd_template_open (template.h); that there is none is a failure. */
int cmd_chat_template(struct cmd_template *t, const struct tr_gguf *g,
                      const struct tr_tokenizer *tok, const char *name,
                      const struct cmd_list *arg, struct tr_err *err) TR_MUST_CHECK;

/* The text of a template for a model's file, checked by reading it: NULL if name is NULL or
 * "none".  t owns it. */
int cmd_chat_template_text(struct cmd_template *t, const struct tr_model *m,
                           const char *name, const char **text,
                           struct tr_err *err) TR_MUST_CHECK;

/* The ids of a chat: an array of messages, or an object with one under "messages" and what
 * else the template knows.  It goes on with a new message of the assistant, or with the last
 * one if that is the assistant's, unless the object says add_generation_prompt or
 * continue_final_message itself.  What its messages spell gives no control tokens.  Exactly
 * one BOS, if the model wants one or the template writes it. */
int cmd_chat_encode(const struct cmd_template *t, const struct tr_json *chat,
                    const struct tr_tokenizer *tok, struct tr_tokens *ids,
                    struct tr_err *err) TR_MUST_CHECK;

/* The same of a chat that is what a user says. */
int cmd_chat_ask(const struct cmd_template *t, const char *text,
                 const struct tr_tokenizer *tok, struct tr_tokens *ids,
                 struct tr_err *err) TR_MUST_CHECK;

/* Each chat of a file: one value of JSON, or one a line.  `chat` lives for the call. */
int cmd_chats_each(const char *path,
                   int (*each)(void *ctx, const struct tr_json *chat, struct tr_err *err),
                   void *ctx, struct tr_err *err) TR_MUST_CHECK;

#endif
