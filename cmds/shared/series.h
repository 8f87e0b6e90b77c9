/* SPDX-License-Identifier: MIT
 *
 * Columns of a table of numbers, by their names: what `train --log` writes, and plans.
 */
#ifndef CMDS_SHARED_SERIES_H
#define CMDS_SHARED_SERIES_H

#include <libtrain/error.h>

#include <stddef.h>

enum { CMD_SERIES_MAX = 8 };

struct cmd_series { /* {0}: none */
    double *column[CMD_SERIES_MAX]; // (n) each; NAN for a dash and for a column that is not there
    size_t n;
};

/* The columns of these names, NULL behind the last.  TR_EFORMAT, with the line, for what is no
 * table. */
int cmd_series_read(struct cmd_series *s, const char *path, const char *const *name,
                    struct tr_err *err) TR_MUST_CHECK;
void cmd_series_release(struct cmd_series *s);

#endif
