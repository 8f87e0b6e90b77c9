/* SPDX-License-Identifier: MIT
 *
 * bench_run - run a command, measure time and memory.
 *
 *   bench_run OUT COMMAND [ARG…]
 *
 * Adds a line to OUT: seconds of the wall clock, a tab, the most memory that was resident in
 * MB (10^6 bytes; of the largest process, if the command starts others and waits for them).
 * Exits as the command does; nothing is added if that failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int fail(const char *what)
{
    fprintf(stderr, "bench_run: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    struct rusage used;
    int status;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_run OUT COMMAND [ARG…]\n");
        return 2;
    }
    double start = now();
    pid_t pid = fork();
    if (!pid) {
        execvp(argv[2], argv + 2);
        _exit(fail(argv[2]));
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
        return fail(argv[2]);
    double seconds = now() - start;
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    if (WEXITSTATUS(status))
        return WEXITSTATUS(status);
    FILE *out = fopen(argv[1], "a");
    if (!out || fprintf(out, "%.4f\t%.1f\n", seconds, (double)used.ru_maxrss * 1.024e-3) < 0 ||
        fclose(out))
        return fail(argv[1]);
    return 0;
}
