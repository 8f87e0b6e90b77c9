/* SPDX-License-Identifier: MIT
 *
 * Kinds of tensors, for tables that have a line for each.
 */
#ifndef CMDS_SHARED_TENSOR_KIND_H
#define CMDS_SHARED_TENSOR_KIND_H

#include <stddef.h>

/* "blk.3.attn_q.weight" is an "attn_q". */
void cmd_tensor_kind(char *kind, size_t size, const char *tensor);

/* Of *n lines of a table, each of `size` bytes that begin with the name of a kind, a
 * char[CMD_KIND_BYTES], that of this kind; if there is none, the next, which gets the name. */
enum { CMD_KIND_BYTES = 64 };
void *cmd_kind_line(void *lines, size_t size, size_t *n, const char *kind);

/* Append a word to words with spaces between them, if it is not there. */
void cmd_add_word(char *words, size_t size, const char *word);

#endif
