/* SPDX-License-Identifier: MIT
 *
 * The table of `train --log`, read back.
 */
#ifndef CMDS_SHARED_RUN_LOG_H
#define CMDS_SHARED_RUN_LOG_H

#include <libtrain/error.h>

#include <stddef.h>

enum {
    CMD_RUN_STEP, CMD_RUN_LOSS, CMD_RUN_VAL, CMD_RUN_LR, CMD_RUN_NORM, CMD_RUN_RATE,
    CMD_RUN_BYTES, CMD_RUN_SECONDS, CMD_RUN_TOTAL, CMD_RUN_FIELDS
};

struct cmd_run_row {
    double v[CMD_RUN_FIELDS]; /* NAN: not there */
};

struct cmd_run_log {
    struct cmd_run_row *row; // (n)
    size_t n, cap;
};

/* Read the table: rows that are whole, of columns by their names.  TR_EFORMAT if there is no
 * column of steps. */
int cmd_run_log_read(struct cmd_run_log *l, const char *path, struct tr_err *err) TR_MUST_CHECK;
void cmd_run_log_release(struct cmd_run_log *l);

/* Seconds to the end of the run at the pace of its last steps; NAN: not known. */
double cmd_run_log_left(const struct cmd_run_log *l);

/* 1 if a training holds the lock of its saves: it goes on. */
int cmd_run_is_locked(const char *lock);

#endif
