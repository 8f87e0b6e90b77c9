/* SPDX-License-Identifier: MIT
 *
 * Names of files, which strangers may have chosen: one part of a path each, and nothing that a
 * link leads out of the working folder to is read or written.
 */
#include "studio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int hex(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
           c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int guard_decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        int c = (unsigned char)*p;
        if (c == '%') {
            int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);
            c = low < 0 ? 0 : high * 16 + low;
            p += 2;
            if (!c)
                return -1;
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return 0;
}

int guard_name(const char *name)
{
    size_t n = strlen(name);
    if (!n || n > STUDIO_NAME || strchr(".-@~", *name) || !is_utf8(name, n))
        return 0;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127 || strchr("/\\", *p))
            return 0;
    return 1;
}

int guard_run(const char *name)
{
    return guard_name(name) && !strpbrk(name, " !\"#$%&'()*:;<=>?[]^`{|}~");
}

int guard_ends(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n > k && !strcmp(name + n - k, end);
}

/* All parts are names. */
static int is_path(const char *path)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return 0;
    for (char *p = copy, *end; p; p = end) {
        if ((end = strchr(p, '/')))
            *end++ = '\0';
        if (!guard_name(p))
            return 0;
    }
    return 1;
}

int guard_inside(const struct studio *s, const char *path)
{
    char real[PATH_MAX];
    size_t n = strlen(s->dir);
    struct stat st;
    return is_path(path) && realpath(path, real) && !strncmp(real, s->dir, n) &&
           (real[n] == '/' || n == 1) && !stat(real, &st) && S_ISREG(st.st_mode);
}

int guard_open(const struct studio *s, const char *path)
{
    return guard_inside(s, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
}
