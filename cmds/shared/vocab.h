/* SPDX-License-Identifier: MIT
 *
 * The vocabulary of a model, as every command that makes ids of a text opens it.
 */
#ifndef CMDS_SHARED_VOCAB_H
#define CMDS_SHARED_VOCAB_H

#include <libtrain/tokenizer.h>

#define CMD_PRE_HELP "how words are cut, in place of what the model says"

/* The tokenizer of an open model, its warnings told; pre: argument of --pre, or NULL. */
struct tr_tokenizer *cmd_tokenizer(const struct tr_gguf *g, const char *pre,
                                   struct tr_err *err) TR_MUST_CHECK;

#endif
