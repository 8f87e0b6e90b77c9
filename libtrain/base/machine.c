/* SPDX-License-Identifier: MIT
 *
 * The clock; and what Linux says of this process's memory in /proc, and every limit that binds it: malloc
 * does not fail where memory is short, the kernel kills instead, so a plan must know before
 * (train/plan.c).  Limits of control groups are in cgroup.c.
 */
#include <libtrain/base/cgroup.h>
#include <libtrain/machine.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double tr_machine_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line "KEY: N kB" of a file in /proc; -1 if it is not there. */
static int64_t proc_bytes(const char *path, const char *key)
{
    char line[256];
    long long kb = -1;
    size_t len = strlen(key);
    FILE *f = fopen(path, "re");
    while (f && kb < 0 && fgets(line, sizeof line, f))
        if (!strncmp(line, key, len) && line[len] == ':')
            sscanf(line + len + 1, "%lld", &kb);
    if (f)
        fclose(f);
    return kb < 0 ? -1 : kb * 1024;
}

int64_t tr_machine_resident(void)
{
    int64_t v = proc_bytes("/proc/self/status", "VmRSS");
    return v < 0 ? 0 : v;
}

int64_t tr_machine_resident_peak(void)
{
    int64_t v = proc_bytes("/proc/self/status", "VmHWM");
    return v < 0 ? 0 : v;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* What `ulimit -v` and `ulimit -d` leave; `used` is the line of /proc/self/status that
 * counts against the limit. */
static int64_t rlimit_left(int which, const char *used)
{
    struct rlimit lim;
    if (getrlimit(which, &lim) || lim.rlim_cur == RLIM_INFINITY || lim.rlim_cur > INT64_MAX)
        return -1;
    int64_t taken = proc_bytes("/proc/self/status", used);
    return (int64_t)lim.rlim_cur > taken ? (int64_t)lim.rlim_cur - taken : 0;
}

int64_t tr_machine_memory_available(void)
{
    int64_t v = proc_bytes("/proc/meminfo", "MemAvailable");
    v = least(v, tr__cgroup_memory_left(""));
    v = least(v, rlimit_left(RLIMIT_AS, "VmSize"));
    v = least(v, rlimit_left(RLIMIT_DATA, "VmData"));
    return v < 0 ? INT64_MAX : v;
}

int64_t tr_machine_program_bytes(void)
{
    /* measured with OpenBLAS 0.3.21: pages of code that runs, and what C keeps */
    enum { CODE = 6656 << 10 };
    int64_t v = proc_bytes("/proc/self/status", "RssAnon");
    return (v < 0 ? 0 : v) + CODE;
}
