/* SPDX-License-Identifier: MIT
 *
 * Documents that are ids already: decimals with blanks between them, a document a line.
 */
#ifndef CMDS_SHARED_ID_LINES_H
#define CMDS_SHARED_ID_LINES_H

#include "token-out.h"

/* All documents of a file, "-" is standard input; a line without ids is an empty one.
 * TR_EFORMAT, with file and line, for what is no decimal and for ids from n_vocab on. */
int cmd_id_lines(const char *path, uint32_t n_vocab, struct cmd_token_out *out,
                 struct tr_err *err) TR_MUST_CHECK;

#endif
