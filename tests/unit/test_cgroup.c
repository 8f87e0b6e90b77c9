/* SPDX-License-Identifier: MIT
 *
 * Limits of control groups wherever they stand: a case is a tree of files and what must come
 * of it.
 */
#include "suite.h"

#include <libtrain/base/cgroup.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V2 "sys/fs/cgroup/"
#define V1 "sys/fs/cgroup/memory/"
#define CPU "sys/fs/cgroup/cpu/"
enum { MAX_FILE = 8 };

struct test_case {
    const char *name, *groups; /* of /proc/self/cgroup */
    struct {
        const char *path, *text;
    } file[MAX_FILE];
    int64_t left; /* INT64_MAX: no limit */
    double processors; /* 0: no quota */
};

static const struct test_case cases[] = {
    { "nothing there", "", { { NULL, NULL } }, INT64_MAX, 0 },
    { "version 2, a container's own", "0::/\n",
      { { V2 "memory.max", "1000" }, { V2 "memory.current", "400" },
        { V2 "cpu.max", "150000 100000" } }, 600, 1.5 },
    { "version 2, no limit", "0::/\n",
      { { V2 "memory.max", "max" }, { V2 "memory.current", "400" },
        { V2 "cpu.max", "max 100000" } }, INT64_MAX, 0 },
    { "version 2, the group of a service", "0::/system.slice/run-1.service\n",
      { { V2 "system.slice/run-1.service/memory.max", "1000" },
        { V2 "system.slice/run-1.service/memory.current", "900" } }, 100, 0 },
    { "version 2, a parent is tighter", "0::/a/b\n",
      { { V2 "a/memory.max", "1000" }, { V2 "a/memory.current", "700" },
        { V2 "a/b/memory.max", "900" }, { V2 "a/b/memory.current", "100" },
        { V2 "a/cpu.max", "100000 100000" }, { V2 "a/b/cpu.max", "200000 100000" } }, 300, 1 },
    { "version 2, pages of files are given back", "0::/\n",
      { { V2 "memory.max", "1000" }, { V2 "memory.current", "900" },
        { V2 "memory.stat", "anon 100\ninactive_file 500\nactive_file 300\n" } }, 900, 0 },
    { "version 2, memory.high", "0::/\n",
      { { V2 "memory.max", "max" }, { V2 "memory.high", "800" },
        { V2 "memory.current", "100" } }, 700, 0 },
    { "version 1 at the root", "4:memory:/\n3:cpu,cpuacct:/\n",
      { { V1 "memory.limit_in_bytes", "1000" }, { V1 "memory.usage_in_bytes", "400" },
        { CPU "cpu.cfs_quota_us", "50000" }, { CPU "cpu.cfs_period_us", "100000" } },
      600, 0.5 },
    { "version 1, a job's group", "9:cpuset:/x\n4:cpu,memory:/slurm/job_7\n",
      { { V1 "slurm/memory.limit_in_bytes", "5000" },
        { V1 "slurm/job_7/memory.limit_in_bytes", "1000" },
        { V1 "slurm/job_7/memory.usage_in_bytes", "1200" } }, 0, 0 },
    { "version 1, a path that only the host sees", "4:memory:/docker/abc\n",
      { { V1 "memory.limit_in_bytes", "2000" }, { V1 "memory.usage_in_bytes", "500" },
        { V1 "memory.stat", "inactive_file 1\ntotal_inactive_file 100\n" } }, 1600, 0 },
    { "version 1, no quota", "3:cpu:/\n",
      { { CPU "cpu.cfs_quota_us", "-1" }, { CPU "cpu.cfs_period_us", "100000" } },
      INT64_MAX, 0 },
    { "both versions", "4:memory:/j\n0::/j\n",
      { { V2 "unified/j/memory.max", "300" }, { V2 "unified/j/memory.current", "100" },
        { V1 "j/memory.limit_in_bytes", "1000" } }, 200, 0 },
    { "a path outside of this namespace", "0::/../other\n",
      { { V2 "memory.max", "1000" }, { V2 "memory.current", "1" } }, 999, 0 },
};
enum { N_CASE = sizeof cases / sizeof *cases };

static void put(const char *root, const char *path, const char *text)
{
    char command[1024], name[512];
    snprintf(name, sizeof name, "%s/%s", root, path);
    snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", name);
    ck_assert_int_eq(system(command), 0);
    FILE *f = fopen(name, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

START_TEST(limits)
{
    const struct test_case *c = &cases[_i];
    char root[] = "/tmp/libtrain.XXXXXX", command[64];
    ck_assert_ptr_nonnull(mkdtemp(root));
    put(root, "proc/self/cgroup", c->groups);
    for (int i = 0; i < MAX_FILE && c->file[i].path; i++)
        put(root, c->file[i].path, c->file[i].text);
    int64_t left = tr__cgroup_memory_left(root);
    double processors = tr__cgroup_processors(root);
    snprintf(command, sizeof command, "rm -r '%s'", root);
    ck_assert_int_eq(system(command), 0);
    ck_assert_msg(left == c->left, "%s: %lld bytes", c->name, (long long)left);
    ck_assert_msg(c->processors > 0 ? processors == c->processors : isinf(processors),
                  "%s: %g processors", c->name, processors);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cgroup");
    TCase *c = tcase_create("limits");
    tcase_add_loop_test(c, limits, 0, N_CASE);
    suite_add_tcase(s, c);
    return run_suite(s);
}
