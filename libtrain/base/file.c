/* SPDX-License-Identifier: MIT
 *
 * Output files.  Bytes go to a temporary beside the target (temps.c), which takes the
 * target's name when all of them are on disk.  What would keep it from doing so then is
 * looked for at the beginning, before hours of work.
 */
#define _GNU_SOURCE /* fopencookie, statx */
#include <libtrain/file.h>
#include <libtrain/base/base.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct tr_out {
    FILE *stream;
    int fd;
    int error;             /* errno of the first write that failed */
    uint64_t written;
    struct tr__temp *temp; /* NULL: standard output or another stream, nothing to rename */
    char *path;            /* as the caller named it */
    char *temp_path;
    char name[TR__NAME_BYTES]; /* of the target in its directory */
    char buffer[1 << 16];      /* of the stream */
};

/* ---- what stands in the way ------------------------------------------------------- */

/* A file that something was mounted on, by itself: it cannot be renamed over. */
static int is_mount_point(const char *path)
{
#ifdef STATX_ATTR_MOUNT_ROOT
    struct statx x;
    return !statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, 0, &x) &&
           (x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
#else
    (void)path;
    return 0;
#endif
}

/* In a folder with the sticky bit only the owner of a file, or of the folder, replaces
 * it. */
static int is_protected(int dir, const struct stat *old)
{
    struct stat d;
    uid_t me = geteuid();
    return !fstat(dir, &d) && (d.st_mode & S_ISVTX) && me && old->st_uid != me &&
           d.st_uid != me;
}

static int refuse(const char *path, const char *why, struct tr_err *err)
{
    return tr_err_set(err, TR_EIO, "cannot write '%s': %s", path, why);
}

static int refuse_sys(const char *path, int code, struct tr_err *err)
{
    errno = code;
    return tr_err_sys(err, "cannot write '%s'", path);
}

/* ---- opening ---------------------------------------------------------------------- */

/* Open the directory that `path` names, "." if it names none. */
static int open_dir(const char *path, size_t dir_bytes)
{
    char *dir = dir_bytes ? strndup(path, dir_bytes) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(dir);
    return fd;
}

/* The temporary's path, for those who read it back by name. */
static int name_temp(struct tr_out *out, const char *target, size_t dir_bytes)
{
    size_t bytes = dir_bytes + TR__NAME_BYTES;
    if (!(out->temp_path = malloc(bytes)))
        return -1;
    snprintf(out->temp_path, bytes, "%.*s%s", (int)dir_bytes, target,
             tr__temp_name(out->temp));
    if (strlen(out->temp_path) < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

/* Make the temporary of `target`, whose last part is a plain name.  `old` is what is
 * there now, or NULL. */
static int make_temp(struct tr_out *out, const char *target, const struct stat *old,
                     struct tr_err *err)
{
    const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
    size_t dir_bytes = (size_t)(name - target);
    if (!*name)
        return refuse_sys(out->path, *target ? EISDIR : ENOENT, err);
    snprintf(out->name, sizeof out->name, "%s", name);
    int dir = open_dir(target, dir_bytes);
    if (dir < 0 || !(out->temp = tr__temp_new(dir, "")))
        return refuse_sys(out->path, errno, err);
    if (old && is_mount_point(target))
        return refuse(out->path, "something is mounted on this very file, so that no whole "
                      "one can take its place; mount its folder instead", err);
    if (old && is_protected(dir, old))
        return refuse(out->path, "in this folder only the file's owner may replace it",
                      err);
    out->fd = tr__temp_create(out->temp, name, old ? 0600 : 0666);
    if (out->fd < 0 || (old && fchmod(out->fd, old->st_mode & 0777)) ||
        name_temp(out, target, dir_bytes))
        return refuse_sys(out->path, errno, err);
    return 0;
}

/* Decide what `path` is and open it. */
static int open_target(struct tr_out *out, const char *path, struct tr_err *err)
{
    struct stat st, link;
    int exists = stat(path, &st) == 0;
    if (!exists && errno != ENOENT)
        return refuse_sys(path, errno, err);
    if (exists && S_ISDIR(st.st_mode))
        return refuse_sys(path, EISDIR, err);
    if (exists && !S_ISREG(st.st_mode)) {
        out->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        return out->fd < 0 ? refuse_sys(path, errno, err) : 0;
    }
    /* A file that its owner protected stays, although a rename could replace it. */
    if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
        return refuse_sys(path, errno, err);
    if (lstat(path, &link) || !S_ISLNK(link.st_mode))
        return make_temp(out, path, exists ? &st : NULL, err);
    char *target = realpath(path, NULL); /* fails for a link that points nowhere */
    int rc = target ? make_temp(out, target, &st, err) : refuse_sys(path, errno, err);
    free(target);
    return rc;
}

/* What the stream calls to empty its buffer.  The errno is kept, since the caller may
 * print many lines before it asks whether they arrived. */
static ssize_t put(void *cookie, const char *data, size_t bytes)
{
    struct tr_out *out = cookie;
    if (!out->error && tr__write_all(out->fd, data, bytes, &out->written))
        out->error = errno;
    return out->error ? 0 : (ssize_t)bytes;
}

struct tr_out *tr_out_open(const char *path, struct tr_err *err)
{
    struct tr_out *out = calloc(1, sizeof *out);
    int std = strcmp(path, "-") == 0;
    if (!out) {
        tr_err_sys(err, "cannot write '%s'", path);
        return NULL;
    }
    out->fd = std ? STDOUT_FILENO : -1;
    out->path = strdup(std ? "standard output" : path);
    if (!out->path)
        refuse_sys(path, errno, err);
    else if (std || !open_target(out, path, err))
        out->stream = fopencookie(out, "w", (cookie_io_functions_t){ .write = put });
    if (out->stream) {
        setvbuf(out->stream, out->buffer, _IOFBF, sizeof out->buffer);
        return out;
    }
    refuse_sys(path, errno, err); /* unless there is a reason already */
    tr_out_discard(out);
    return NULL;
}

FILE *tr_out_stream(struct tr_out *out)
{
    return out->stream;
}

int tr_out_is_terminal(const struct tr_out *out)
{
    return isatty(out->fd);
}

const char *tr_out_temp(const struct tr_out *out)
{
    return out->temp ? out->temp_path : NULL;
}

/* ---- writing ---------------------------------------------------------------------- */

static int write_failed(const struct tr_out *out, struct tr_err *err)
{
    struct statvfs fs;
    int why = out->error ? out->error : errno;
    int known = out->temp && !fstatvfs(tr__temp_dir(out->temp), &fs);
    uint64_t left = known ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
    errno = why;
    if (!known)
        return tr_err_sys(err, "write error on '%s'", out->path);
    return tr_err_sys(err, "write error on '%s' after %llu bytes (%llu free)", out->path,
                      (unsigned long long)out->written, (unsigned long long)left);
}

int tr_out_write(struct tr_out *out, const void *data, size_t bytes, struct tr_err *err)
{
    if (bytes && fwrite(data, 1, bytes, out->stream) != bytes)
        return write_failed(out, err);
    return 0;
}

static int flush(struct tr_out *out, struct tr_err *err)
{
    if (fflush(out->stream) || out->error)
        return write_failed(out, err);
    if (!ferror(out->stream))
        return 0;
    errno = EIO; /* lost before it came to put, by a caller who did not look */
    return write_failed(out, err);
}

int tr_out_patch(struct tr_out *out, uint64_t offset, const void *data, size_t bytes,
                 struct tr_err *err)
{
    int rc = flush(out, err);
    if (!rc && tr__pwrite_all(out->fd, data, bytes, offset))
        rc = write_failed(out, err);
    return rc;
}

/* ---- the end ---------------------------------------------------------------------- */

/* Bytes on disk, then the name, then the name on disk.  The file is closed later, since
 * that ends its lock. */
static int make_durable(struct tr_out *out)
{
    struct stat st;
    int dir = tr__temp_dir(out->temp);
    if (tr__sync(out->fd) || fstat(out->fd, &st))
        return -1;
    if ((uint64_t)st.st_size != out->written) {
        errno = EIO;
        return -1;
    }
    if (renameat(dir, tr__temp_name(out->temp), dir, out->name))
        return -1;
    tr__temp_disarm(out->temp); /* the name may be another's from now on */
    return tr__sync(dir) && errno != EINVAL ? -1 : 0;
}

int tr_out_commit(struct tr_out *out, struct tr_err *err)
{
    int rc = flush(out, err);
    if (!rc && out->temp && make_durable(out))
        rc = tr_err_sys(err, "cannot finish '%s'", out->path);
    if (!rc && !out->temp && out->fd != STDOUT_FILENO) {
        if (close(out->fd))
            rc = tr_err_sys(err, "write error on '%s'", out->path);
        out->fd = -1;
    }
    tr_out_discard(out);
    return rc;
}

int tr_out_finish(struct tr_out *out, int rc, struct tr_err *err)
{
    if (!rc)
        return tr_out_commit(out, err);
    tr_out_discard(out);
    return rc;
}

void tr_out_discard(struct tr_out *out)
{
    int saved = errno;
    if (!out)
        return;
    out->error = out->error ? out->error : ECANCELED; /* nothing more goes out */
    if (out->stream)
        fclose(out->stream);
    tr__temp_drop(out->temp); /* before its lock ends */
    if (out->fd >= 0 && out->fd != STDOUT_FILENO)
        close(out->fd);
    free(out->temp_path);
    free(out->path);
    free(out);
    errno = saved;
}

int tr_same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}
