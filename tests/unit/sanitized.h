/* SPDX-License-Identifier: MIT
 *
 * What a test may ask of memory and time: less under sanitizers, which are slow and map
 * terabytes of shadow.
 */
#ifndef TESTS_SANITIZED_H
#define TESTS_SANITIZED_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(SANITIZED)
/* as given to the build: under an emulator */
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(memory_sanitizer))
#else
#define SANITIZED 0
#endif

/* Let the process, a child of the test runner, grow by no more than `more` bytes: a reader
 * that believes a forged count runs out of memory and says so, the wrong answer. */
static inline void limit_memory(size_t more)
{
    const char *fork_mode = getenv("CK_FORK");
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (f && fscanf(f, "%lu", &pages) == 1 && !SANITIZED &&
        (!fork_mode || strcmp(fork_mode, "no"))) {
        rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ most, most }), 0);
    }
    if (f)
        fclose(f);
}

#endif
