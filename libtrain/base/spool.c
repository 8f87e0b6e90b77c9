/* SPDX-License-Identifier: MIT
 *
 * An array in a file: its capacity says where it lies, so its owner needs no further field.
 * The file's descriptor stands in the page in front of the array.  Pages of it are the
 * system's to write out and to drop, which is what keeps a text of gigabytes from taking as
 * much memory; room in the file is had before it is written to, since a full disk behind a
 * mapping would be a signal.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <libtrain/base/grow.h>
#include <libtrain/base/spool.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEAD = 1 << 16 }; /* a multiple of the page */

static int is_mapped(size_t cap, size_t size)
{
    return cap > TR__SPOOL_FROM / size;
}

static int open_in(const char *dir)
{
    char name[4096];
    if (!dir || !*dir || snprintf(name, sizeof name, "%s/libtrain.XXXXXX", dir) >= 4096)
        return -1;
    int fd = mkstemp(name);
    if (fd >= 0) {
        unlink(name);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

static int open_file(void)
{
    const char *const dir[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
    int fd = -1;
    for (size_t i = 0; fd < 0 && i < sizeof dir / sizeof *dir; i++)
        fd = open_in(dir[i]);
    return fd;
}

/* Map so many bytes of the file, or of memory if fd is -1; NULL and errno. */
static char *map(int fd, size_t from, size_t bytes)
{
    int failed = fd >= 0 ? posix_fallocate(fd, (off_t)from, (off_t)(bytes - from)) : 0;
    if (failed) {
        errno = failed;
        return NULL;
    }
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* A new one: the array, behind its head. */
static char *begin(size_t bytes)
{
    int fd = open_file();
    char *at = map(fd, 0, HEAD + bytes);
    if (!at && fd >= 0) { /* no room there */
        close(fd);
        at = map(fd = -1, 0, HEAD + bytes);
    }
    if (!at)
        return NULL;
    memcpy(at, &fd, sizeof fd);
    return at + HEAD;
}

static int descriptor(const char *array)
{
    int fd;
    memcpy(&fd, array - HEAD, sizeof fd);
    return fd;
}

static void end(char *array, size_t bytes)
{
    int fd = descriptor(array);
    munmap(array - HEAD, HEAD + bytes);
    if (fd >= 0)
        close(fd);
}

/* The file grows where it is and is mapped once more. */
static char *extend(char *array, size_t bytes, size_t room)
{
    int fd = descriptor(array);
    char *at = fd >= 0 ? map(fd, HEAD + bytes, HEAD + room) : NULL;
    if (!at)
        return NULL;
    munmap(array - HEAD, HEAD + bytes);
    return at + HEAD;
}

static char *move(char *old, size_t cap, size_t size, size_t room)
{
    size_t bytes = cap * size;
    char *new = is_mapped(cap, size) ? extend(old, bytes, room) : NULL;
    if (new)
        return new;
    if (!(new = begin(room)))
        return NULL;
    if (bytes)
        memcpy(new, old, bytes);
    tr__spool_free(old, cap, size);
    return new;
}

int tr__spool_grow(void *array, size_t *cap, size_t need, size_t size)
{
    size_t half = *cap > SIZE_MAX / 2 ? SIZE_MAX - *cap : *cap / 2;
    size_t room = need > *cap + half ? need : *cap + half;
    char *old, *bigger;
    if (need <= *cap)
        return 0;
    if (!is_mapped(room > 2 * *cap ? room : 2 * *cap, size))
        return tr__grow(array, cap, need, size);
    errno = ENOMEM; /* where the product is too large */
    room = is_mapped(room, size) ? room : TR__SPOOL_FROM / size + 1;
    if (room > (SIZE_MAX / 2 - HEAD) / size)
        return -1;
    memcpy(&old, array, sizeof old);
    if (!(bigger = move(old, *cap, size, room * size)))
        return -1;
    memcpy(array, &bigger, sizeof bigger);
    *cap = room;
    return 0;
}

void tr__spool_free(void *array, size_t cap, size_t size)
{
    if (is_mapped(cap, size))
        end(array, cap * size);
    else
        free(array);
}
