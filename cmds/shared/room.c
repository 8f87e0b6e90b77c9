/* SPDX-License-Identifier: MIT
 *
 * Room for OpenBLAS, which maps a buffer for each of its threads when it is loaded and, where
 * `ulimit -v` leaves no room for them, asks again for ever.  So this stands among what runs
 * before any library begins; of the C library it uses only what needs no beginning.  Next:
 * libtrain/matmul/ready.c.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "table.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

static const size_t buffer = (size_t)128 << 20; /* of OpenBLAS 0.3.21 */

/* As OpenBLAS reads them; the first that is set counts. */
static size_t n_thread(char **env)
{
    static const char *const names[] = { "OPENBLAS_NUM_THREADS=", "GOTO_NUM_THREADS=",
                                         "OMP_NUM_THREADS=" };
    cpu_set_t set;
    size_t n = sched_getaffinity(0, sizeof set, &set) ? 1 : (size_t)CPU_COUNT(&set);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (char **e = env; *e; e++) {
            size_t len = strlen(names[i]);
            int wanted = strncmp(*e, names[i], len) ? 0 : atoi(*e + len);
            if (wanted > 0)
                return (size_t)wanted < n ? (size_t)wanted : n;
        }
    return n;
}

static int is_limited(int which)
{
    struct rlimit lim;
    return !getrlimit(which, &lim) && lim.rlim_cur != RLIM_INFINITY;
}

static void look_for_room(int argc, char **argv, char **env)
{
    static const char text[] = "libtrain: no room for OpenBLAS, 128 MiB of address space for each "
                               "thread: raise the limit ('ulimit -v'), or set OMP_NUM_THREADS=1\n";
    (void)argc, (void)argv;
    size_t bytes = buffer * n_thread(env);
    if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA))
        return;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) {
        munmap(p, bytes);
        return;
    }
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(CMD_FAIL); /* nothing is left to do if stderr does not take it */
    _exit(CMD_FAIL);
}

__attribute__((used, section(".preinit_array"))) static void (*const before_libraries)(
    int argc, char **argv, char **env) = look_for_room;

#endif
