/* SPDX-License-Identifier: MIT
 *
 * Where a target keeps the files that it makes of its input: in memory where that exists,
 * since a file is synced for each input.
 */
#ifndef TESTS_FUZZ_MEMORY_DIR_H
#define TESTS_FUZZ_MEMORY_DIR_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline const char *memory_folder(void)
{
    return access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
}

/* A new folder there, which the caller removes. */
static inline void make_memory_dir(char *dir, size_t size)
{
    snprintf(dir, size, "%s/fuzz.XXXXXX", memory_folder());
    if (!mkdtemp(dir))
        abort();
}

#endif
