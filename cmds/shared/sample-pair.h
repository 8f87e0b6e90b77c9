/* SPDX-License-Identifier: MIT
 *
 * One prompt before and after a training.
 */
#ifndef CMDS_SHARED_SAMPLE_PAIR_H
#define CMDS_SHARED_SAMPLE_PAIR_H

#include <libtrain/error.h>

#include <stdio.h>

/* From what `generate --label X --after OLDER` wrote: the first prompt whose two texts
 * differ, cut to a few lines of 80 columns.  TR_EFORMAT if there are no two labels. */
int cmd_sample_pair_print(FILE *f, const char *path, struct tr_err *err) TR_MUST_CHECK;

/* Each prompt's two texts, of the first model and of the second. */
int cmd_sample_pairs_each(const char *path,
                          void (*pair)(void *ctx, const char *before, size_t n_before,
                                       const char *after, size_t n_after),
                          void *ctx, struct tr_err *err) TR_MUST_CHECK;

/* The words that both texts of that prompt begin with, as many as fit into `size` bytes; ""
 * if there are none. */
void cmd_sample_prompt(const char *path, char *prompt, size_t size);

#endif
