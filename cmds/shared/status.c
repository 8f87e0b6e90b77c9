/* SPDX-License-Identifier: MIT
 *
 * One line of a terminal that is written over.  It leaves the last column free, so that no
 * terminal begins a new row by itself.  Most terminals break a line anew when their window is
 * made narrower: then it stands in several rows, and all of them are taken away; in one that
 * cuts lines instead, that would take what stands above.  Next: fields.c (what a line says).
 */
#include "status.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_WIDTH = 80, MAX_WIDTH = 1000 };

static volatile sig_atomic_t shown; /* columns of the line that is there; 0: none */

int cmd_status_possible(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
}

static int columns(void)
{
    struct winsize w;
    if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col > 0)
        return w.ws_col;
    const char *text = getenv("COLUMNS");
    long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 && n < MAX_WIDTH ? (int)n : USUAL_WIDTH;
}

int cmd_status_width(void)
{
    int n = columns();
    return n > MAX_WIDTH ? MAX_WIDTH : n - 1;
}

/* xterm names itself in a variable, which tmux leaves to the programs inside. */
static int breaks_anew(void)
{
    const char *term = getenv("TERM");
    return !(term && !strcmp(term, "linux")) &&
           !(getenv("XTERM_VERSION") && !getenv("TMUX"));
}

/* The rows that the line takes by now. */
static int rows(void)
{
    int n = columns();
    return shown > n && breaks_anew() ? (shown + n - 1) / n : 1;
}

/* What takes the cursor to where the line begins, with nothing behind it but in its row. */
static void go_back(void)
{
    int n = rows();
    if (n > 1)
        fprintf(stderr, "\r\033[%dA\033[J", n - 1);
}

void cmd_status_show(const char *line)
{
    go_back();
    fprintf(stderr, "\r%s\033[K", line);
    shown = (sig_atomic_t)strlen(line);
}

void cmd_status_erase(void)
{
    if (!shown)
        return;
    go_back();
    fputs("\r\033[K", stderr);
    shown = 0;
}

void cmd_status_keep(void)
{
    if (shown)
        fputc('\n', stderr);
    shown = 0;
}

void cmd_status_abandon(void)
{
    static const char erase[] = "\r\033[K";
    if (shown && write(STDERR_FILENO, erase, sizeof erase - 1) < 0)
        return; /* nothing is left to do */
    shown = 0;
}
