/* SPDX-License-Identifier: MIT
 *
 * Texts to continue: of options, of a file, and their ids.
 */
#ifndef CMDS_SHARED_PROMPTS_H
#define CMDS_SHARED_PROMPTS_H

#include "table.h"

#include <libtrain/text.h>
#include <libtrain/tokenizer.h>

struct cmd_prompts { /* {0}: none */
    struct cmd_list text;
    struct tr_tokens *id; // (text.n)
    size_t longest;       /* tokens of the longest */
    struct tr_text file;
};

/* Those of `given`, then the lines of the file that are not empty; path NULL: none.
 * `special`: control tokens that are written in them become one id; without it those are
 * told of. TR_EFORMAT if there is no prompt.  Release in either case. */
int cmd_prompts_read(struct cmd_prompts *p, const struct tr_tokenizer *tok,
                     const struct cmd_list *given, const char *path, int special,
                     struct tr_err *err) TR_MUST_CHECK;
void cmd_prompts_release(struct cmd_prompts *p);

#endif
