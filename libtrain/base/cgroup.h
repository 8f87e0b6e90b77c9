/* SPDX-License-Identifier: MIT
 *
 * Limits that control groups set to this process: containers, batch systems, systemd.
 * `root` stands in front of /sys/fs/cgroup and /proc/self/cgroup: "" but in tests.
 */
#ifndef LIBTRAIN_BASE_CGROUP_H
#define LIBTRAIN_BASE_CGROUP_H

#include <stdint.h>

/* Bytes that the tightest of all groups above this process leaves, pages of files not
 * counted as used, since they are given back; INT64_MAX: no limit. */
int64_t tr__cgroup_memory_left(const char *root);

/* Processors that the smallest quota pays for, as a fraction; HUGE_VAL: no quota. */
double tr__cgroup_processors(const char *root);

#endif
