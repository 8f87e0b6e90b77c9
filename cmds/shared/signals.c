/* SPDX-License-Identifier: MIT
 *
 * Signals.  A short command dies by the first one and removes its temporaries on the way; a
 * long run only notes it, finishes its step and then dies by it, so that whoever started it
 * sees 128 + n either way.
 */
#include "signals.h"

#include "message.h"

#include <libtrain/file.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught, save_requested;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR2, SIGPIPE};
enum { N_ENDING = sizeof ending / sizeof *ending };

/* Die by the signal, so that the parent sees 128 + n; it is delivered on return. */
static void die_by(int sig)
{
    tr_out_unlink_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void on_bus(int sig)
{
    static const char text[] = ": a mapped input file changed or shrank\n";
    const char *name = cmd_command();
    (void)sig;
    tr_out_unlink_all();
    /* Nothing is left to do if stderr does not take it. */
    if (write(STDERR_FILENO, name, strlen(name)) < 0 ||
        write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(CMD_FAIL);
    _exit(CMD_FAIL);
}

static void on_caught(int sig)
{
    if (caught)
        die_by(sig);
    caught = sig;
}

static void on_save(int sig)
{
    (void)sig;
    save_requested = 1;
}

static void handle(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

/* What is ignored stays ignored: nohup, and `command &` of a script. */
static int ignored(int sig)
{
    struct sigaction sa;
    return !sigaction(sig, NULL, &sa) && sa.sa_handler == SIG_IGN;
}

void cmd_signals_begin(void)
{
    for (int i = 0; i < N_ENDING; i++)
        if (!ignored(ending[i]))
            handle(ending[i], die_by);
    handle(SIGBUS, on_bus);
    signal(SIGXFSZ, SIG_IGN); /* a write past `ulimit -f` fails with EFBIG instead */
}

void cmd_catch_signals(void)
{
    for (int i = 0; i < N_ENDING; i++)
        if (!ignored(ending[i]))
            handle(ending[i], on_caught);
    handle(SIGUSR1, on_save);
    signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more ends no training */
}

int cmd_signalled(void)
{
    return caught;
}

int cmd_save_requested(void)
{
    int requested = save_requested;
    save_requested = 0;
    return requested;
}

void cmd_reraise(int sig)
{
    fflush(stdout);
    die_by(sig);
}
