/* SPDX-License-Identifier: MIT
 *
 * A process is in a group, that group in another, and each may have a limit: the smallest
 * binds.  There are two versions of the interface, which may both be mounted, and a
 * container may see its own group at the root or at the path that the host gave it.  So
 * every place where a limit may stand is looked at: for each hierarchy the group's path
 * and all of its parents up to where it is mounted.  What is not there limits nothing.
 * machine.c and threads.c use this.
 */
#include <libtrain/base/cgroup.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where a version of the interface is mounted by convention, and the names of its files. */
struct hierarchy {
    const char *controller; /* its name in /proc/self/cgroup; "": version 2 */
    const char *mount;
};

static const struct hierarchy memory[] = {
    { "", "/sys/fs/cgroup" },
    { "", "/sys/fs/cgroup/unified" },
    { "memory", "/sys/fs/cgroup/memory" },
};
static const struct hierarchy cpu[] = {
    { "", "/sys/fs/cgroup" },
    { "", "/sys/fs/cgroup/unified" },
    { "cpu", "/sys/fs/cgroup/cpu" },
    { "cpu", "/sys/fs/cgroup/cpu,cpuacct" },
};
enum { N_MEMORY = sizeof memory / sizeof *memory, N_CPU = sizeof cpu / sizeof *cpu };

/* Read up to two numbers from DIR/NAME; returns how many there were.  "max" is none. */
static int numbers_in(const char *dir, const char *name, double *a, double *b)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%lf %lf", a, b);
    fclose(f);
    return n < 0 ? 0 : n;
}

static double number_in(const char *dir, const char *name, double missing)
{
    double v = missing, rest;
    return numbers_in(dir, name, &v, &rest) ? v : missing;
}

/* Bytes in pages of files, which memory.stat has; version 1 sums up children in total_…. */
static double file_pages(const char *dir)
{
    char path[PATH_MAX], line[256], key[64];
    double own = 0, total = 0, v;
    if ((size_t)snprintf(path, sizeof path, "%s/memory.stat", dir) >= sizeof path)
        return 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%63s %lf", key, &v) != 2)
            continue;
        if (!strcmp(key, "inactive_file") || !strcmp(key, "active_file"))
            own += v;
        if (!strcmp(key, "total_inactive_file") || !strcmp(key, "total_active_file"))
            total += v;
    }
    if (f)
        fclose(f);
    return total > own ? total : own;
}

/* Version 2's memory.high slows a process down until it is of no use, so it binds too. */
static double memory_left_in(const char *dir)
{
    double max = fmin(number_in(dir, "memory.max", HUGE_VAL),
                      number_in(dir, "memory.high", HUGE_VAL));
    max = fmin(max, number_in(dir, "memory.limit_in_bytes", HUGE_VAL));
    if (isinf(max))
        return max;
    double used = number_in(dir, "memory.current", 0);
    used = fmax(used, number_in(dir, "memory.usage_in_bytes", 0)) - file_pages(dir);
    return fmax(max - fmax(used, 0), 0);
}

static double processors_in(const char *dir)
{
    double quota = -1, period = -1;
    if (numbers_in(dir, "cpu.max", &quota, &period) != 2) {
        quota = number_in(dir, "cpu.cfs_quota_us", -1);
        period = number_in(dir, "cpu.cfs_period_us", -1);
    }
    return quota > 0 && period > 0 ? quota / period : HUGE_VAL;
}

/* 1 if `name` is one of a list with commas. */
static int is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (;; list++) {
        if (strcspn(list, ",") == n && !strncmp(list, name, n))
            return 1;
        list = strchr(list, ',');
        if (!list)
            return 0;
    }
}

/* The path of this process's group, from a line "ID:CONTROLLERS:PATH"; "" if there is none,
 * or if it lies outside of what this namespace sees ("/../…"). */
static void own_path(const char *root, const char *controller, char *path, size_t size)
{
    char line[PATH_MAX + 64], name[PATH_MAX];
    snprintf(name, sizeof name, "%s/proc/self/cgroup", root);
    FILE *f = fopen(name, "re");
    *path = '\0';
    while (f && fgets(line, sizeof line, f)) {
        char *list = strchr(line, ':'), *at = list ? strchr(list + 1, ':') : NULL;
        if (!at)
            continue;
        *at++ = '\0';
        at[strcspn(at, "\n")] = '\0';
        if (is_listed(list + 1, controller) && !strstr(at, "/.."))
            snprintf(path, size, "%s", at);
    }
    if (f)
        fclose(f);
}

/* The least of what limit() says of the group and of all above it. */
static double least_of(const char *root, const struct hierarchy *h, int n,
                       double (*limit)(const char *dir))
{
    double least = HUGE_VAL;
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX], dir[2 * PATH_MAX];
        own_path(root, h[i].controller, path, sizeof path);
        for (;;) {
            snprintf(dir, sizeof dir, "%s%s%s", root, h[i].mount, path);
            least = fmin(least, limit(dir));
            char *slash = strrchr(path, '/');
            if (!slash)
                break;
            *slash = '\0';
        }
    }
    return least;
}

int64_t tr__cgroup_memory_left(const char *root)
{
    double left = least_of(root, memory, N_MEMORY, memory_left_in);
    return left < 9e18 ? (int64_t)left : INT64_MAX;
}

double tr__cgroup_processors(const char *root)
{
    return least_of(root, cpu, N_CPU, processors_in);
}
