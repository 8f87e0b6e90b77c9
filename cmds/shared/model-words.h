/* SPDX-License-Identifier: MIT
 *
 * What a GGUF holds, in a few sentences.
 */
#ifndef CMDS_SHARED_MODEL_WORDS_H
#define CMDS_SHARED_MODEL_WORDS_H

#include <libtrain/gguf.h>

#include <stdio.h>

/* A sentence a line, and an empty line behind them. */
void model_words_print(FILE *f, const struct tr_gguf *g);

#endif
