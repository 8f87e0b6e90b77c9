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

/* The same of two files, and say it in words. */
int cmd_say_divergence(const char *text, const char *path, const char *base,
                       struct tr_err *err) TR_MUST_CHECK;

/* As TSV, with a header. */
void cmd_divergence_print(FILE *f, const struct tr_divergence *d);

#endif
