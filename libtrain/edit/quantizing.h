/* SPDX-License-Identifier: MIT
 *
 * Between quantize.c and quantize_write.c: one quantisation on its way.
 */
#ifndef LIBTRAIN_EDIT_QUANTIZING_H
#define LIBTRAIN_EDIT_QUANTIZING_H

#include <libtrain/edit/weights.h>

struct tr__quantizing {
    const struct tr_gguf *g;
    const struct tr_recipe *recipe;
    const struct tr_quantize_args *args;
    const struct tr__weights *weights;
};

/* Write all of it to this file, or to the parts PREFIX-00001-of-….gguf, PREFIX being the path
 * without ".gguf"; after a failure what was there before still is. */
int tr__quantize_file(const struct tr__quantizing *q, const char *path,
                      struct tr_err *err) TR_MUST_CHECK;
int tr__quantize_parts(const struct tr__quantizing *q, const char *path,
                       struct tr_err *err) TR_MUST_CHECK;

#endif
