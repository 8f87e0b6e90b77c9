/* SPDX-License-Identifier: MIT
 *
 * Input that is read from front to back, a file or standard input: whole into memory, or as
 * a stream.  What is mapped or read at offsets is opened by tr__open_regular (io.c).
 */
#define _GNU_SOURCE /* fopencookie */
#include <libtrain/file.h>
#include <libtrain/base/base.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_input(const char *path, struct tr_err *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (fd < 0)
        tr_err_sys(err, "cannot open '%s'", path);
    return fd;
}

/* ---- whole ------------------------------------------------------------------------ */

/* Read to the end into *data, with room for `room` bytes at first and one NUL at the
 * end. */
static int read_to_end(int fd, char **data, size_t *bytes, size_t room)
{
    size_t cap = 0;
    for (;;) {
        size_t need = *data ? *bytes + 2 : room;
        if (tr__grow(data, &cap, need, 1))
            return -1;
        ssize_t n = tr__read_some(fd, *data + *bytes, cap - *bytes - 1);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        *bytes += (size_t)n;
    }
    (*data)[*bytes] = 0;
    return 0;
}

int tr_read_all(const char *path, char **data, size_t *bytes, struct tr_err *err)
{
    int rc = 0, fd = open_input(path, err);
    struct stat st;
    *data = NULL;
    *bytes = 0;
    if (fd < 0)
        return TR_EIO;
    size_t room = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < 1 << 30
                      ? (size_t)st.st_size + 2 : 1 << 16;
    if (read_to_end(fd, data, bytes, room)) {
        rc = tr_err_sys(err, "cannot read '%s'",
                        fd == STDIN_FILENO ? "standard input" : path);
        free(*data);
        *data = NULL;
        *bytes = 0;
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

/* ---- as a stream ------------------------------------------------------------------ */

struct input {
    int fd;
    char buffer[1 << 16]; /* of the stream */
};

static ssize_t get(void *cookie, char *data, size_t bytes)
{
    const struct input *in = cookie;
    return tr__read_some(in->fd, data, bytes);
}

static int end(void *cookie)
{
    struct input *in = cookie;
    int rc = in->fd == STDIN_FILENO ? 0 : close(in->fd);
    free(in);
    return rc;
}

FILE *tr_in_open(const char *path, struct tr_err *err)
{
    struct input *in = calloc(1, sizeof *in);
    FILE *f = NULL;
    if (!in) {
        tr_err_sys(err, "cannot open '%s'", path);
        return NULL;
    }
    in->fd = open_input(path, err);
    if (in->fd >= 0) {
        f = fopencookie(in, "r", (cookie_io_functions_t){ .read = get, .close = end });
        if (!f)
            tr_err_sys(err, "cannot open '%s'", path);
    }
    if (f)
        setvbuf(f, in->buffer, _IOFBF, sizeof in->buffer);
    else if (in->fd < 0)
        free(in);
    else
        end(in);
    return f;
}
