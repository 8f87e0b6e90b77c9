/* SPDX-License-Identifier: MIT
 *
 * Sizes of inputs, for nothing but a line of progress, and how they begin: what cannot be known is 0, and a file
 * that cannot be opened is told by whoever wants to read it.
 */
#include "input-size.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

size_t cmd_first_bytes(const char *path, void *to, size_t n)
{
    struct stat st;
    FILE *f = !stat(path, &st) && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
    n = f ? fread(to, 1, n, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static int is_packed(const char *path)
{
    unsigned char begin[4];
    return cmd_first_bytes(path, begin, sizeof begin) == sizeof begin &&
           (!memcmp(begin, "\x1f\x8b", 2) || !memcmp(begin, "\x28\xb5\x2f\xfd", 4));
}

int64_t cmd_input_size(const char *path)
{
    struct stat st;
    if (!strcmp(path, "-") || stat(path, &st) || !S_ISREG(st.st_mode) || is_packed(path))
        return 0;
    return (int64_t)st.st_size;
}

int64_t cmd_inputs_size(char **path, int n)
{
    int64_t all = 0;
    for (int i = 0; i < n; i++) {
        int64_t size = cmd_input_size(path[i]);
        if (!size)
            return 0;
        all += size;
    }
    return all;
}
