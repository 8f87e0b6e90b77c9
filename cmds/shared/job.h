/* SPDX-License-Identifier: MIT
 *
 * What a command says while it works for long.
 */
#ifndef CMDS_SHARED_JOB_H
#define CMDS_SHARED_JOB_H

#include <libtrain/progress.h>

/* Begin a job, the only one of its time, that counts in `unit`: "B" for bytes, else as it
 * is, "tok".  What it returns is for the function that does the work.  Where that takes more
 * than two seconds, a line with share, rate and time left is on standard error until
 * cmd_job_end; only on a terminal, and not under -q.  A total of 0 is one that nobody knows. */
struct tr_progress cmd_job(const char *unit);
/* The same, told by a command itself; nothing where no job has begun. */
void cmd_job_at(int64_t done, int64_t total);
/* Take the line away, before anything goes to standard output. */
void cmd_job_end(void);

/* What may be shown again, some ten times a second; {0} is due. */
struct cmd_pace {
    double next; /* seconds of a clock */
};
int cmd_pace_due(struct cmd_pace *p);

#endif
