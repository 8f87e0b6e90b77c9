/* SPDX-License-Identifier: MIT
 *
 * Texts to continue: of options, of a file, of chats, and their ids.
 */
#ifndef CMDS_SHARED_PROMPTS_H
#define CMDS_SHARED_PROMPTS_H

#include "template.h"

#include <libtrain/gguf.h>
#include <libtrain/text.h>
#include <libtrain/tokenizer.h>

#define CMD_ASK_HELP "the prompts are what a user says, in the chat template"

struct cmd_prompt_source {
    const struct cmd_list *given; /* texts; NULL: none */
    const char *path;             /* of texts, one a line */
    const char *chats;            /* a file of chats, JSON (chats.h) */
    const char *pack;             /* of documents whose beginnings are prompts */
    int64_t n_pack, longest;      /* so many of them, of at most so many tokens */
    const struct tr_gguf *vocab;  /* the model's, for `pack` */
    int special;                  /* control tokens that texts spell become one id */
    int ask;                      /* texts are what a user says */
    const struct cmd_template *template; /* for chats and `ask` */
};

struct cmd_prompt {
    const char *text;    /* to be shown in front of what follows; "" for a chat */
    char *own;           /* text, if it is this prompt's to free */
    struct tr_tokens id;
};

struct cmd_prompts { /* {0}: none */
    struct cmd_prompt *item; // (n)
    size_t n, cap;
    size_t longest; /* tokens of the longest */
    struct tr_text file;
};

/* The texts of `given`, the lines of the file that are not empty, the chats and those of
 * the pack.  Control tokens that texts spell are told of where they become no id.
 * TR_EFORMAT if there is no prompt.  Release in either case. */
int cmd_prompts_read(struct cmd_prompts *p, const struct tr_tokenizer *tok,
                     const struct cmd_prompt_source *source,
                     struct tr_err *err) TR_MUST_CHECK;
void cmd_prompts_release(struct cmd_prompts *p);

#endif
