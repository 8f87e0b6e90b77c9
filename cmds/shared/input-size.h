/* SPDX-License-Identifier: MIT
 *
 * How much there is to read.
 */
#ifndef CMDS_SHARED_INPUT_SIZE_H
#define CMDS_SHARED_INPUT_SIZE_H

#include <stdint.h>

/* Bytes that come of a file; 0 if nobody knows: a pipe, standard input ("-"), and what is
 * unpacked on the way (gzip, zstd). */
int64_t cmd_input_size(const char *path);
/* Of all of them; 0 if one of them is not known. */
int64_t cmd_inputs_size(char **path, int n);

#endif
