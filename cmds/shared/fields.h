/* SPDX-License-Identifier: MIT
 *
 * A line made of fields, as many as a terminal has columns for.
 */
#ifndef CMDS_SHARED_FIELDS_H
#define CMDS_SHARED_FIELDS_H

#include <stddef.h>

enum { CMD_MAX_FIELDS = 16 };

struct cmd_field {
    char text[32]; /* ASCII, a column each; empty: left out */
    int rank;      /* 0: the last that is dropped; each once, below the number of fields */
};

/* Write the fields that matter most, in their order and two blanks apart, to line: at most
 * `width` columns and size - 1 bytes.  The first that has no room ends the choice; what alone
 * is wider than all of it is cut.  Returns the length. */
size_t cmd_fields_line(const struct cmd_field *field, size_t n, int width, char *line,
                       size_t size);

/* Fill in a field. */
#if defined __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
void cmd_field_set(struct cmd_field *f, int rank, const char *fmt, ...);
/* "[####    ]" for a part of the whole, 0 to 1. */
void cmd_field_bar(struct cmd_field *f, int rank, double part);
/* "left 1:02:03" */
void cmd_field_left(struct cmd_field *f, int rank, double seconds);

#endif
