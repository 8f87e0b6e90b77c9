/* SPDX-License-Identifier: MIT
 *
 * The beginning of every command: standard streams, the right OpenBLAS kernels, options,
 * threads; and the checks of files that several share.  Next: options.c, message.c.
 */
#include "common.h"
#include "files.h"
#include "help.h"
#include "missing.h"
#include "options.h"

#include <libtrain/comm.h>
#include <libtrain/file.h>
#include <libtrain/loss.h>
#include <libtrain/precision.h>
#include <libtrain/threads.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int threads = 1;

/* A file opened later must not become standard output.  The wrong direction is meant:
 * what uses a stream that the caller closed gets an error. */
static void open_closed_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
                _exit(CMD_FAIL);
}

/* What goes to standard output by printf and its like takes the library's way there, which
 * short counts, signals and a pipe that does not wait only delay.  glibc's stdout may be
 * set as any variable; elsewhere it stays what it is. */
static void steady_output(void)
{
#ifdef __GLIBC__
    static struct tr_out *volatile out; /* for ever: at exit its stream is still emptied */
    if ((out = tr_out_open("-", NULL)))
        stdout = tr_out_stream(out);
#endif
}

/* Set a variable that is not set; 1 if it was not. */
static int set_missing(const char *name, const char *value)
{
    return !getenv(name) && !setenv(name, value, 0);
}

/* OpenBLAS chooses its kernels and libgomp how long its threads spin when they are loaded,
 * before main, from variables; so set what is missing and start over.  What is set already,
 * by the user or by the first round, is left alone, so this cannot go round twice.
 * Spinning: by itself libgomp spins for milliseconds between two parallel loops, which
 * takes the processor from any neighbour, and from a thread of ours that was pushed aside;
 * measured beside other work, training is five times slower that way. */
static void choose_kernels_and_waiting(char **argv)
{
    const char *best = tr_blas_best_core();
    int other_core = strcmp(best, tr_blas_core()) && set_missing("OPENBLAS_CORETYPE", best);
    int other_wait = !getenv("OMP_WAIT_POLICY") && set_missing("GOMP_SPINCOUNT", "1000");
    if (!other_core && !other_wait)
        return;
    char self[PATH_MAX]; /* not /proc/self/exe itself: ps would call the command "exe" */
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        execv(self, argv);
    }
    if (other_core)
        cmd_warn("OpenBLAS uses its %s kernels although %s ones would be faster; "
                 "set OPENBLAS_CORETYPE=%s",
                 tr_blas_core(), best, best);
}

/* From OMP_NUM_THREADS, whose first number is meant if it is a list; 0: all there are. */
static int64_t threads_of_environment(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    if (!text)
        return 0;
    char first[32];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(text, ","), text);
    int64_t n;
    if (!cmd_parse_int(first, &n) || n < 1) {
        cmd_warn("OMP_NUM_THREADS is '%s', which is no number of threads: ignored", text);
        return 0;
    }
    return n;
}

static void set_threads(int64_t wanted)
{
    int64_t n = wanted ? wanted : threads_of_environment();
    if (!n) /* processes that mpirun started side by side share the machine */
        n = tr_n_processor_each(tr_comm_local_size());
    int available = tr_n_processor();
    if (n > available) {
        cmd_warn("%lld threads wanted, %d processors usable: using %d", (long long)n,
                 available, available);
        n = available;
    }
    threads = tr_threads((int)n);
}

int cmd_threads(void)
{
    return threads;
}

/* argv[begin] is the first argument that nobody has read. */
static char **parse(const struct cmd *cmd, int begin, int argc, char **argv, int *n_operand)
{
    cmd_name(cmd->name, argc ? argv[0] : NULL);
    open_closed_streams();
    if (argc < 1)
        cmd_usage(cmd, "called without arguments, not even a name");
    choose_kernels_and_waiting(argv);
    steady_output();
    cmd_signals_begin();
    atexit(tr_out_unlink_all);

    struct cmd_common common = {0};
    char **operand = cmd_options_read(cmd, &common, begin, argc, argv, n_operand);
    if (common.quiet)
        cmd_hush();
    set_threads(common.threads);
    if (common.version) {
        cmd_print_version(threads);
        exit(cmd_end(CMD_OK, NULL));
    }
    cmd_check_given(cmd, operand, *n_operand);
    struct tr_err err = {0};
    if (cmd_files_check(cmd, operand, *n_operand, &common.settings, &err))
        exit(cmd_end(CMD_FAIL, &err));
    return operand;
}

char **cmd_parse(const struct cmd *cmd, int argc, char **argv, int *n_operand)
{
    return parse(cmd, 1, argc, argv, n_operand);
}

char **cmd_parse_verb(const struct cmd *cmd, int argc, char **argv, int *n_operand)
{
    return parse(cmd, 2, argc, argv, n_operand);
}

int cmd_writable(const char *path, struct tr_err *err)
{
    if (!path)
        return 0;
    struct tr_out *out = tr_out_open(path, err);
    tr_out_discard(out);
    return out ? 0 : err->code;
}

const char *cmd_loss_name(int i)
{
    return tr_loss_at(i) ? tr_loss_name(tr_loss_at(i)) : NULL;
}

const char *cmd_precision_name(int i)
{
    return tr_precision_at(i) ? tr_precision_at(i)->name : NULL;
}

void cmd_precision_say(const struct tr_precision *p, const char *why)
{
    if (*why)
        cmd_say("precision %s: %s", p->name, why);
}

const struct tr_precision *cmd_precision(int i, struct tr_err *err)
{
    char why[300];
    const struct tr_precision *p = tr_precision_choose(tr_precision_at(i), why, sizeof why);
    if (tr_precision_open(p, err))
        return NULL;
    cmd_precision_say(p, why);
    return p;
}
