/* SPDX-License-Identifier: MIT
 *
 * The loops around read and write.  Everything that the library reads or writes through a
 * descriptor comes by here, so that a short count or a signal is thought of once.  Next:
 * file.c, which makes files of it.
 */
#include <libtrain/base/io.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* After a call that failed: 1 if it is to be made again, when the descriptor is ready. */
static int again(int fd, short event)
{
    if (errno == EINTR)
        return 1;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return 0;
    struct pollfd p = { .fd = fd, .events = event };
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

/* Look at what a write gave: 1 to go on, 0 to give up.  Nothing written and no reason is
 * no progress, and would go round for ever. */
static int wrote(int fd, ssize_t n)
{
    if (n < 0)
        return again(fd, POLLOUT);
    if (n == 0)
        errno = EIO;
    return n > 0;
}

int tr__write_all(int fd, const void *data, size_t bytes, uint64_t *done)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = write(fd, (const char *)data + at, bytes - at);
        if (!wrote(fd, n))
            return -1;
        at += n > 0 ? (size_t)n : 0;
        *done += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

int tr__pwrite_all(int fd, const void *data, size_t bytes, uint64_t offset)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = pwrite(fd, (const char *)data + at, bytes - at, (off_t)(offset + at));
        if (!wrote(fd, n))
            return -1;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

ssize_t tr__read_some(int fd, void *data, size_t bytes)
{
    ssize_t n;
    do
        n = read(fd, data, bytes);
    while (n < 0 && again(fd, POLLIN));
    return n;
}

ssize_t tr__pread_all(int fd, void *data, size_t bytes, uint64_t offset)
{
    size_t at = 0;
    while (at < bytes) {
        ssize_t n = pread(fd, (char *)data + at, bytes - at, (off_t)(offset + at));
        if (n == 0)
            break;
        if (n < 0 && !again(fd, POLLIN))
            return -1;
        at += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)at;
}

int tr__open_regular(const char *path, uint64_t *bytes, struct tr_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int failed = fd < 0 || fstat(fd, &st);
    if (!failed && S_ISDIR(st.st_mode)) {
        failed = 1;
        errno = EISDIR;
    }
    if (failed)
        tr_err_sys(err, "cannot open '%s'", path);
    else if (!S_ISREG(st.st_mode))
        tr_err_set(err, TR_EIO, "'%s': needs a seekable file, not a stream", path);
    if (!failed && S_ISREG(st.st_mode)) {
        *bytes = (uint64_t)st.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A failed fsync is final: the kernel may have dropped the pages, and a second call would
 * report success.  An interrupted one has not come so far. */
int tr__sync(int fd)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc && errno == EINTR);
    return rc;
}
