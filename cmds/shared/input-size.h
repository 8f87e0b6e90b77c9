/* SPDX-License-Identifier: MIT
 *
 * How much there is to read, and how it begins.
 */
#ifndef CMDS_SHARED_INPUT_SIZE_H
#define CMDS_SHARED_INPUT_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* The first n bytes of a regular file, or as many as it has; 0 of anything else. */
size_t cmd_first_bytes(const char *path, void *to, size_t n);

/* Bytes that come of a file; 0 if nobody knows: a pipe, standard input ("-"), and what is
 * unpacked on the way (gzip, zstd). */
int64_t cmd_input_size(const char *path);
/* Of all of them; 0 if one of them is not known. */
int64_t cmd_inputs_size(char **path, int n);

#endif
