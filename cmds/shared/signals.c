/* SPDX-License-Identifier: MIT
 *
 * Signals.  A short command dies by the first one and removes its temporaries on the way; a
 * long run only notes it, finishes its step and then dies by it, so that whoever started it
 * sees 128 + n either way.
 */
#include "signals.h"

#include "message.h"
#include "status.h"

#include <libtrain/file.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t caught, save_requested, interrupted;
static void (*before_death)(void);

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR2, SIGPIPE};
enum { N_ENDING = sizeof ending / sizeof *ending };

/* Die by the signal, so that the parent sees 128 + n; it is delivered on return. */
static void die_by(int sig)
{
    if (before_death)
        before_death();
    tr_out_unlink_all();
    cmd_status_abandon();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Append to a line of `size` bytes, as far as there is room. */
static size_t append(char *line, size_t used, size_t size, const char *text)
{
    while (*text && used < size)
        line[used++] = *text++;
    return used;
}

/* A page of a mapped file is not there any more.  Other threads may meet it at the same
 * time: the first speaks for all.  No stdio, which a handler may not use. */
static void on_bus(int sig, siginfo_t *info, void *context)
{
    static atomic_flag spoken = ATOMIC_FLAG_INIT;
    char line[1024];
    size_t n = append(line, 0, sizeof line, cmd_command());
    const char *file = info->si_code > 0 ? tr_mapped_file(info->si_addr) : NULL;
    (void)sig, (void)context;
    while (atomic_flag_test_and_set(&spoken))
        pause();
    tr_out_unlink_all();
    cmd_status_abandon();
    n = append(line, n, sizeof line, file ? ": '" : ": ");
    n = append(line, n, sizeof line, file ? file : "a mapped file");
    n = append(line, n, sizeof line, file ? "'" : "");
    n = append(line, n, sizeof line, " became shorter, or cannot be read any more, while "
               "it was in use\n");
    if (write(STDERR_FILENO, line, n) < 0)
        _exit(CMD_FAIL); /* nothing is left to do if stderr does not take it */
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
    struct sigaction bus = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    sigemptyset(&bus.sa_mask);
    sigaction(SIGBUS, &bus, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a write past `ulimit -f` fails with EFBIG instead */
}

void cmd_before_death(void (*f)(void))
{
    before_death = f;
}

void cmd_catch_signals(void)
{
    for (int i = 0; i < N_ENDING; i++)
        if (!ignored(ending[i]))
            handle(ending[i], on_caught);
    handle(SIGUSR1, on_save);
    signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more ends no training */
}

static void on_interrupt(int sig)
{
    if (interrupted)
        die_by(sig);
    interrupted = 1;
}

void cmd_interrupts_begin(void)
{
    struct sigaction sa = {.sa_handler = on_interrupt}; /* no SA_RESTART: reads come back */
    sigemptyset(&sa.sa_mask);
    if (!ignored(SIGINT))
        sigaction(SIGINT, &sa, NULL);
}

void cmd_interrupts_end(void)
{
    if (!ignored(SIGINT))
        handle(SIGINT, die_by);
}

int cmd_interrupted(void)
{
    return interrupted;
}

void cmd_interrupted_clear(void)
{
    interrupted = 0;
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
