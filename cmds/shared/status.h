/* SPDX-License-Identifier: MIT
 *
 * The last line of a terminal, which is written over while something goes on.  It stands on
 * standard error; message.c takes it away before it says anything.
 */
#ifndef CMDS_SHARED_STATUS_H
#define CMDS_SHARED_STATUS_H

/* 1 if standard error is a terminal that can do it. */
int cmd_status_possible(void);
/* Columns that a line may have now: asked again at each call, since windows change. */
int cmd_status_width(void);

/* Put a line in the place of the one that is there; it has printable ASCII alone, and no
 * more than cmd_status_width columns. */
void cmd_status_show(const char *line);
/* Take it away, or let it stay and begin a new line; nothing where there is none. */
void cmd_status_erase(void);
void cmd_status_keep(void);
/* Erase, from the handler of a signal. */
void cmd_status_abandon(void);

#endif
