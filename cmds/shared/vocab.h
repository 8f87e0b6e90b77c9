/* SPDX-License-Identifier: MIT
 *
 * The vocabulary of a model and a text for it, as every command that makes ids of one opens
 * them: what is odd is said.
 */
#ifndef CMDS_SHARED_VOCAB_H
#define CMDS_SHARED_VOCAB_H

#include <libtrain/text.h>
#include <libtrain/tokenizer.h>

#define CMD_PRE_HELP "how words are cut, in place of what the model says"
#define CMD_BINARY_HELP "take a file of any bytes for a text"
#define CMD_SPECIAL_HELP "special tokens written in the text become one id"

/* The tokenizer of an open model, its warnings told; pre: argument of --pre, or NULL. */
struct tr_tokenizer *cmd_tokenizer(const struct tr_gguf *g, const char *pre,
                                   struct tr_err *err) TR_MUST_CHECK;

/* Positions that a model was made for; 0 if it does not say. */
int64_t cmd_context(const struct tr_gguf *g);

/* Read a text, its warnings told.  *binary: the flag --binary; NULL: there is none. */
int cmd_read_text(struct tr_text *t, const char *path, const int *binary,
                  struct tr_err *err) TR_MUST_CHECK;

/* The two halves of it: the warnings of a text, and "--binary" behind a refusal. */
void cmd_tell_text(const struct tr_text *t, const char *name);
int cmd_binary_way_out(struct tr_err *err);

/* Say which control tokens were spelt in plain text, the most frequent of them, by the
 * counts of tr_tokenizer_spelt, which are used up. */
void cmd_tell_spelt(const struct tr_tokenizer *t, uint64_t *count);
/* The same of one text. */
void cmd_tell_spelt_in(const struct tr_tokenizer *t, const char *text, size_t n);

#endif
