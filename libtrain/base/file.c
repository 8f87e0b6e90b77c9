/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* fopencookie */
#include <libtrain/file.h>
#include <libtrain/base/base.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

enum { NAME_BYTES = 256, PID_DIGITS = 10, MAX_TEMP = 16 };

/* The temporaries that exist now, in a form a signal handler may walk: `open` is set
 * before the file is made and cleared after it is gone. */
static struct temp {
    volatile sig_atomic_t open;
    int dir; /* descriptor of the directory */
    char name[NAME_BYTES];
} temps[MAX_TEMP];

struct tr_out {
    FILE *stream;
    int fd;
    int error;         /* errno of the first write that failed */
    uint64_t written;
    struct temp *temp; /* NULL: standard output or another stream, nothing to rename */
    char *path;        /* as the caller named it */
    char *temp_path;
    char name[NAME_BYTES]; /* of the target in temp->dir */
    char buffer[1 << 16];  /* of the stream */
};

/* What the stream calls to empty its buffer.  The errno is kept, since the caller may
 * print many lines before it asks whether they arrived. */
static ssize_t put(void *cookie, const char *data, size_t bytes)
{
    struct tr_out *out = cookie;
    if (!out->error && tr__write_all(out->fd, data, bytes, &out->written))
        out->error = errno;
    return out->error ? 0 : (ssize_t)bytes;
}

static int write_failed(const struct tr_out *out, struct tr_err *err)
{
    struct statvfs fs;
    if (!out->temp) {
        errno = out->error;
        return tr_err_sys(err, "write error on '%s'", out->path);
    }
    uint64_t left = fstatvfs(out->temp->dir, &fs) ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
    errno = out->error;
    return tr_err_sys(err, "write error on '%s' after %llu bytes (%llu free)", out->path,
                      (unsigned long long)out->written, (unsigned long long)left);
}

/* `.NAME.tmp.` with the digits of a PID to follow.  A NAME that would not fit in a
 * directory entry is cut and told apart by its hash. */
static void temp_stem(char stem[NAME_BYTES], const char *name)
{
    if (strlen(name) + sizeof "..tmp." + PID_DIGITS <= NAME_BYTES)
        snprintf(stem, NAME_BYTES, ".%.239s.tmp.", name);
    else
        snprintf(stem, NAME_BYTES, ".%.200s~%016llx.tmp.", name,
                 (unsigned long long)XXH3_64bits(name, strlen(name)));
}

static int is_open_temp(const char *name)
{
    for (int i = 0; i < MAX_TEMP; i++)
        if (temps[i].open && strcmp(temps[i].name, name) == 0)
            return 1;
    return 0;
}

/* Where the PID begins in the name of a temporary of this stem, or of any if stem is NULL;
 * NULL if it is none. */
static const char *pid_in(const char *name, const char *stem)
{
    const char *at = stem ? (strncmp(name, stem, strlen(stem)) ? NULL : name)
                          : (*name == '.' ? strstr(name, ".tmp.") : NULL);
    if (at)
        at += strlen(stem ? stem : ".tmp.");
    return at && *at && !at[strspn(at, "0123456789")] ? at : NULL;
}

static int is_left_behind(const char *name, long pid)
{
    return pid == getpid() ? !is_open_temp(name) : kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* Remove what killed runs left behind: same stem, and no process has the number.  Without
 * a stem nobody else writes there, whoever has the number now. */
static void remove_stale(int dir, const char *stem)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((e = readdir(d))) {
        const char *pid = pid_in(e->d_name, stem);
        if (pid && (stem ? is_left_behind(e->d_name, strtol(pid, NULL, 10))
                         : !is_open_temp(e->d_name)))
            unlinkat(dir, e->d_name, 0);
    }
    closedir(d);
}

void tr_out_clean(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    remove_stale(fd, NULL);
    close(fd);
}

/* Take a place in the table; owns `dir` from here on. */
static struct temp *register_temp(int dir, const char *stem)
{
    for (int i = 0; i < MAX_TEMP; i++) {
        struct temp *t = &temps[i];
        if (t->open)
            continue;
        t->dir = dir;
        snprintf(t->name, NAME_BYTES, "%.245s%u", stem, (unsigned)getpid());
        t->open = 1;
        return t;
    }
    errno = EMFILE;
    return NULL;
}

static void drop_temp(struct temp *t)
{
    unlinkat(t->dir, t->name, 0);
    t->open = 0;
    close(t->dir);
}

/* Open the directory that `path` names, "." if it names none. */
static int open_dir(const char *path, size_t dir_bytes)
{
    char *dir = dir_bytes ? strndup(path, dir_bytes) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(dir);
    return fd;
}

/* Make the temporary of `target`, whose last part is a plain name.  `old` is what is
 * there now, or NULL. */
static int make_temp(struct tr_out *out, const char *target, const struct stat *old)
{
    const char *slash = strrchr(target, '/');
    const char *name = slash ? slash + 1 : target;
    size_t dir_bytes = (size_t)(name - target), path_bytes = dir_bytes + NAME_BYTES;
    char stem[NAME_BYTES];
    if (!*name) {
        errno = *target ? EISDIR : ENOENT;
        return -1;
    }
    temp_stem(stem, name);
    snprintf(out->name, NAME_BYTES, "%s", name);
    if (!(out->temp_path = malloc(path_bytes)))
        return -1;
    int dir = open_dir(target, dir_bytes);
    if (dir < 0)
        return -1;
    remove_stale(dir, stem);
    out->temp = register_temp(dir, stem);
    if (!out->temp) {
        close(dir);
        return -1;
    }
    snprintf(out->temp_path, path_bytes, "%.*s%s", (int)dir_bytes, target,
             out->temp->name);
    out->fd = openat(dir, out->temp->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                     old ? 0600 : 0666);
    if (out->fd < 0)
        return -1;
    return old ? fchmod(out->fd, old->st_mode & 0777) : 0;
}

/* Decide what `path` is and open it; errno on failure. */
static int open_target(struct tr_out *out, const char *path)
{
    struct stat st, link;
    int exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (exists && !S_ISREG(st.st_mode)) {
        out->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        return out->fd < 0 ? -1 : 0;
    }
    if (!exists && errno != ENOENT)
        return -1;
    /* A file that its owner protected stays, although a rename could replace it. */
    if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
        return -1;
    if (lstat(path, &link) || !S_ISLNK(link.st_mode))
        return make_temp(out, path, exists ? &st : NULL);
    char *target = realpath(path, NULL); /* fails for a link that points nowhere */
    int rc = target ? make_temp(out, target, &st) : -1;
    free(target);
    return rc;
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
    if (!out->path || (!std && open_target(out, path)))
        goto fail;
    out->stream = fopencookie(out, "w", (cookie_io_functions_t){ .write = put });
    if (!out->stream)
        goto fail;
    setvbuf(out->stream, out->buffer, _IOFBF, sizeof out->buffer);
    return out;
fail:
    tr_err_sys(err, "cannot write '%s'", path);
    tr_out_discard(out);
    return NULL;
}

FILE *tr_out_stream(struct tr_out *out)
{
    return out->stream;
}

const char *tr_out_temp(const struct tr_out *out)
{
    return out->temp ? out->temp_path : NULL;
}

int tr_out_write(struct tr_out *out, const void *data, size_t bytes, struct tr_err *err)
{
    if (bytes && fwrite(data, 1, bytes, out->stream) != bytes)
        return write_failed(out, err);
    return 0;
}

int tr_out_patch(struct tr_out *out, uint64_t offset, const void *data, size_t bytes,
                 struct tr_err *err)
{
    if (fflush(out->stream))
        return write_failed(out, err);
    if (tr__pwrite_all(out->fd, data, bytes, offset))
        return tr_err_sys(err, "cannot write '%s'", out->path);
    return 0;
}

static int flush(struct tr_out *out, struct tr_err *err)
{
    if (fflush(out->stream) || out->error)
        return write_failed(out, err);
    return 0;
}

/* Bytes on disk, then the name, then the name on disk.  A failed fsync is final: the
 * kernel may have dropped the pages, and a second call would report success. */
static int make_durable(struct tr_out *out)
{
    struct stat st;
    if (fsync(out->fd) || fstat(out->fd, &st))
        return -1;
    if ((uint64_t)st.st_size != out->written) {
        errno = EIO;
        return -1;
    }
    int rc = close(out->fd);
    out->fd = -1;
    if (rc || renameat(out->temp->dir, out->temp->name, out->temp->dir, out->name))
        return -1;
    return fsync(out->temp->dir) && errno != EINVAL ? -1 : 0;
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

void tr_out_discard(struct tr_out *out)
{
    int saved = errno;
    if (!out)
        return;
    out->error = out->error ? out->error : ECANCELED; /* nothing more goes out */
    if (out->stream)
        fclose(out->stream);
    if (out->fd >= 0 && out->fd != STDOUT_FILENO)
        close(out->fd);
    if (out->temp)
        drop_temp(out->temp);
    free(out->temp_path);
    free(out->path);
    free(out);
    errno = saved;
}

void tr_out_unlink_all(void)
{
    for (int i = 0; i < MAX_TEMP; i++)
        if (temps[i].open)
            unlinkat(temps[i].dir, temps[i].name, 0);
}

int tr_same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}
