/* SPDX-License-Identifier: MIT */
#include <libtrain/machine.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

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

static int64_t number_in(const char *path)
{
    long long v = -1;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%lld", &v) != 1) /* "max": no limit */
        v = -1;
    if (f)
        fclose(f);
    return v;
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

/* A line "KEY N" of the control group's memory.stat; 0 if it is not there. */
static int64_t stat_bytes(const char *key)
{
    char line[256];
    long long v = 0;
    size_t len = strlen(key);
    FILE *f = fopen("/sys/fs/cgroup/memory.stat", "re");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, len) && line[len] == ' ' &&
            sscanf(line + len, "%lld", &v) == 1)
            break;
    if (f)
        fclose(f);
    return v;
}

static int64_t cgroup_left(void)
{
    int64_t max = number_in("/sys/fs/cgroup/memory.max");
    int64_t used = number_in("/sys/fs/cgroup/memory.current");
    /* pages of files are counted as used, but are given back when memory is wanted */
    used -= stat_bytes("inactive_file") + stat_bytes("active_file");
    return max < 0 || used < 0 ? -1 : (max > used ? max - used : 0);
}

static int64_t address_space_left(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_AS, &lim) || lim.rlim_cur == RLIM_INFINITY)
        return -1;
    int64_t used = proc_bytes("/proc/self/status", "VmSize");
    return (int64_t)lim.rlim_cur > used ? (int64_t)lim.rlim_cur - used : 0;
}

int64_t tr_machine_memory_available(void)
{
    int64_t v = proc_bytes("/proc/meminfo", "MemAvailable");
    v = least(v, cgroup_left());
    v = least(v, address_space_left());
    return v < 0 ? INT64_MAX : v;
}

int64_t tr_machine_program_bytes(void)
{
    /* measured with OpenBLAS 0.3.21: pages of code that runs, and what C keeps */
    enum { CODE = 6656 << 10 };
    int64_t v = proc_bytes("/proc/self/status", "RssAnon");
    return (v < 0 ? 0 : v) + CODE;
}
