/* SPDX-License-Identifier: MIT
 *
 * A conversation with a model: messages are read from standard input, answers are printed
 * as they come.
 */
#ifndef CMDS_SHARED_TALK_H
#define CMDS_SHARED_TALK_H

#include "template.h"
#include "text-out.h"

#include <libtrain/generate.h>

struct cmd_talk_args {
    struct tr_generator *gen;
    const struct tr_tokenizer *tok;
    const struct cmd_template *template; /* without a chat in it the model goes on with text */
    struct tr_generate_args generate;    /* text, ctx and keep are set here */
    int64_t context;                     /* positions: gen takes prompts of one less */
    int special;                         /* text without a template may spell control tokens */
    uint64_t seed;
    struct cmd_text_out *out;
};

/* Until the end of the input or /exit.  What a message makes fail is told, and the message
 * forgotten.  A failure is what ends all of it and, unless somebody at a terminal has seen
 * it (TR_EFORMAT), that there were such messages. */
int cmd_talk(const struct cmd_talk_args *args, struct tr_err *err) TR_MUST_CHECK;

#endif
