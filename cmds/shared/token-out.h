/* SPDX-License-Identifier: MIT
 *
 * Where documents of tokens go: a token stream, or lines of decimals.
 */
#ifndef CMDS_SHARED_TOKEN_OUT_H
#define CMDS_SHARED_TOKEN_OUT_H

#include <libtrain/file.h>
#include <libtrain/token.h>
#include <libtrain/tokenizer.h>

#include <stdint.h>

struct cmd_token_out {
    uint64_t hash;    /* of the vocabulary, … */
    uint32_t n_vocab; /* … its size, … */
    int text;         /* … and whether lines are wanted: set before it is opened */
    int rows;         /* documents are told as such: version 2 of the stream, … */
    int is_signed;    /* … or 3, where some may be unwanted */
    struct tr_out *out;
    struct tr_token_writer *w; /* NULL with text, and before the first document */
    uint64_t n_doc, n_token;
};

/* Begin a file; `tokens`: tokens will be written, not something to look at. */
int cmd_token_out_open(struct cmd_token_out *s, const char *path, int tokens,
                       struct tr_err *err) TR_MUST_CHECK;
/* Append one; `arg` is the struct cmd_token_out. */
int cmd_token_out_document(void *arg, const struct tr_document *d,
                           struct tr_err *err) TR_MUST_CHECK;
int cmd_token_out_ids(struct cmd_token_out *s, const struct tr_tokens *t,
                      struct tr_err *err) TR_MUST_CHECK;
int cmd_token_out_commit(struct cmd_token_out *s, int tokens,
                         struct tr_err *err) TR_MUST_CHECK;
void cmd_token_out_discard(struct cmd_token_out *s);

#endif
