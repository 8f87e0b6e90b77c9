/* SPDX-License-Identifier: MIT
 *
 * Signals: what ends a command at once, and what a long run only takes note of.
 */
#ifndef CMDS_SHARED_SIGNALS_H
#define CMDS_SHARED_SIGNALS_H

/* The number of the first SIGINT, SIGTERM, SIGHUP, SIGXCPU or SIGUSR2 after
 * cmd_catch_signals, else 0; the second ends the process at once.  SIGPIPE is ignored from
 * then on: a log whose reader is gone must not end a training.  cmd_reraise removes
 * temporaries and dies by that signal. */
void cmd_catch_signals(void);
int cmd_signalled(void);
void cmd_reraise(int sig);
/* Set by SIGUSR1 (after cmd_catch_signals), cleared by reading: "save now and go on". */
int cmd_save_requested(void);

/* From now on SIGINT is only noted, and a call that waits for input comes back with EINTR;
 * a second one before cmd_interrupted_clear ends the process.  SIGINT that is ignored stays
 * so.  cmd_interrupts_end: it ends the process at once, as before. */
void cmd_interrupts_begin(void);
void cmd_interrupts_end(void);
int cmd_interrupted(void);
void cmd_interrupted_clear(void);

/* The handlers that every command begins with: temporaries are removed. */
void cmd_signals_begin(void);
/* What they do before that, as a handler may; set before other threads are there. */
void cmd_before_death(void (*f)(void));

#endif
