/* SPDX-License-Identifier: MIT
 *
 * How far a model is from another on a text: `perplexity --kl-base`, `quantize --kl`.
 */
#ifndef CMDS_SHARED_DIVERGENCE_H
#define CMDS_SHARED_DIVERGENCE_H

#include "text-ids.h"

#include <stdio.h>

/* On the first `chunks` chunks of the text (0: all); ids are those of the base. */
int cmd_divergence(const struct cmd_text_in *in, int64_t chunks, struct tr_model *m,
                   struct tr_model *base, struct tr_divergence *d,
                   struct tr_err *err) TR_MUST_CHECK;

/* The same of two files, said in words, in two steps: the text is read, and refused if it is
 * too short, before the file that is to be measured is written. */
struct cmd_kl {
    struct tr_model *base;
    struct tr_tokens tokens;
    struct tr_text_ids ids;
    struct tr_chunks chunks;
};
/* cmd_kl_end in either case. */
int cmd_kl_begin(struct cmd_kl *k, const char *text, const char *base,
                 struct tr_err *err) TR_MUST_CHECK;
int cmd_kl_say(struct cmd_kl *k, const char *path, struct tr_err *err) TR_MUST_CHECK;
void cmd_kl_end(struct cmd_kl *k);

/* As TSV, with a header. */
void cmd_divergence_print(FILE *f, const struct tr_divergence *d);

#endif
