/* SPDX-License-Identifier: MIT
 *
 * A text as ids for a model, in windows: what perplexity and imatrix do with `-f TEXT`.
 */
#ifndef CMDS_SHARED_TEXT_IDS_H
#define CMDS_SHARED_TEXT_IDS_H

#include <libtrain/eval.h>
#include <libtrain/tokenizer.h>

/* The options about it. */
struct cmd_text_in {
    const char *path, *pre;
    int64_t ctx;
    int special, binary;
};

/* Ids of the text, with BOS and EOS as a document has them, in t, which the caller releases
 * and x points into. */
int cmd_text_ids(const struct cmd_text_in *in, const struct tr_model *m, struct tr_tokens *t,
                 struct tr_text_ids *x, struct tr_err *err) TR_MUST_CHECK;

/* Positions in a window: what the user asks for, else 512, llama.cpp's default, as far as
 * the model goes. */
int64_t cmd_text_ctx(const struct cmd_text_in *in, const struct tr_model *m,
                     struct tr_err *err) TR_MUST_CHECK;

#endif
