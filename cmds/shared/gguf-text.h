/* SPDX-License-Identifier: MIT
 *
 * How gguf-show and gguf-diff print what they find in a file.
 */
#ifndef CMDS_SHARED_GGUF_TEXT_H
#define CMDS_SHARED_GGUF_TEXT_H

#include <libtrain/gguf.h>

#include <stdint.h>
#include <stdio.h>

/* Printable text (printable.h), in which a backslash is doubled. */
void gguf_print_text(FILE *f, const char *s, size_t len);

/* "u32", "string[512]". */
void gguf_print_type(FILE *f, const struct tr_gguf_kv *kv);

/* The value on one line; of an array the first `max` elements, strings quoted and cut, then
 * "...". */
void gguf_print_value(FILE *f, const struct tr_gguf_kv *kv, uint64_t max);

/* "4x16", slowest dimension first. */
void gguf_print_shape(FILE *f, const struct tr_gguf_tensor *t);

/* Numbers begin .. begin + n of a tensor (whole blocks) as double; 0 if this build cannot
 * unpack the type. */
int gguf_unpack(const struct tr_gguf_tensor *t, int64_t begin, int64_t n, double *out);

/* Numbers that gguf_unpack takes at once: a multiple of every block size. */
enum { GGUF_PIECE = 1024 };

#endif
