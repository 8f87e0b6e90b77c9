/* SPDX-License-Identifier: MIT
 *
 * The chat template that a command works with: the model's own, one of its variants, a
 * well-known one or a file, with the variables it is given.
 */
#ifndef CMDS_SHARED_TEMPLATE_H
#define CMDS_SHARED_TEMPLATE_H

#include "table.h"

#include <libtrain/chat.h>
#include <libtrain/gguf.h>
#include <libtrain/json.h>
#include <libtrain/tokenizer.h>

#define CMD_TEMPLATE_HELP \
    "chat template in place of the model's: a name, a file, or none"
#define CMD_TEMPLATE_ARG_HELP "variable of the chat template; may be given again"

struct cmd_template { /* release with cmd_template_release */
    struct tr_chat *chat;  /* NULL: there is none */
    struct tr_json *args;  /* its variables */
    char *text;            /* n bytes of it, as it is or as it was found */
    size_t n;
    int64_t now;           /* its clock: SOURCE_DATE_EPOCH, or the time */
};

/* name: argument of --chat-template; NULL: the template of the model, if it has one; "none": none.
 * Else a variant of the model (tokenizer.chat_template.NAME), a well-known template
 * (tr_chat_named), or a file.  arg: "NAME=JSON" of --template-arg; bos_token and eos_token
 * are the model's where they are not given. */
int cmd_template_open(struct cmd_template *t, const struct tr_gguf *g,
                      const struct tr_tokenizer *tok, const char *name,
                      const struct cmd_list *arg, struct tr_err *err) TR_MUST_CHECK;
void cmd_template_release(struct cmd_template *t);

/* *err says that a chat needs a template, of which there is none: say what to do; *why says
 * what is wrong with the one of the model, if anything. */
int cmd_template_missing(const char *model, const struct tr_err *why, struct tr_err *err);

#endif
