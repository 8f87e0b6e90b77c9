/* SPDX-License-Identifier: MIT
 *
 * Folders that appear at once.  rename takes the place of an empty folder and of nothing
 * else, so no file of anybody is lost.  What a killed process left is told by its lock, and goes
 * when the same folder is written again.  Next: temps.c, which removes what is left.
 */
#define _GNU_SOURCE /* O_DIRECTORY */
#include <libtrain/base/folder.h>
#include <libtrain/base/grow.h>
#include <libtrain/base/io.h>
#include <libtrain/base/temps.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0777, TRIES = 1000, MOST_NAME = 200 /* bytes of a name in its temporary */ };

struct tr__folder {
    char target[PATH_MAX], temp[PATH_MAX];
    struct tr__temp *self;  /* armed while there is a folder */
    int lock;               /* its descriptor: a folder that nobody has locked was left */
    struct tr__temp **file; /* its files that are held */
    size_t n, cap;
};

static int cannot(const struct tr__folder *f, struct tr_err *err)
{
    return tr_err_sys(err, "cannot write folder '%s'", f->target);
}

/* ---- begin ------------------------------------------------------------------------ */

/* Nothing, or an empty folder. */
static int check_target(const struct tr__folder *f, struct tr_err *err)
{
    struct stat st;
    if (lstat(f->target, &st))
        return errno == ENOENT ? 0 : cannot(f, err);
    DIR *d = S_ISDIR(st.st_mode) ? opendir(f->target) : NULL;
    int n = 0;
    while (d && n < 3 && readdir(d))
        n++;
    if (d)
        closedir(d);
    if (d && n < 3)
        return 0;
    return tr_err_set(err, TR_EIO, "'%s' is there already: a folder is written under a new "
                      "name, or in place of an empty one", f->target);
}

/* The path without slashes at its end; where its name begins. */
static size_t cut(struct tr__folder *f, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    snprintf(f->target, sizeof f->target, "%.*s", (int)(n < PATH_MAX ? n : PATH_MAX), path);
    const char *slash = strrchr(f->target, '/');
    return slash ? (size_t)(slash - f->target) + 1 : 0;
}

/* Another process may have taken it for one that was left, and removed it. */
static int lock(struct tr__folder *f)
{
    f->lock = open(f->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (f->lock >= 0 && tr__temp_lock(f->lock, AT_FDCWD, f->temp))
        return 1;
    if (f->lock >= 0)
        close(f->lock);
    return 0;
}

/* Make the folder `name` of the temporary's path, under a name that is free. */
static int make(struct tr__folder *f, size_t at)
{
    for (int i = 0; i < TRIES; i++) {
        int n = snprintf(f->temp, sizeof f->temp, "%.*s.%.*s.tmp.%u", (int)at, f->target,
                         MOST_NAME, f->target + at, (unsigned)getpid());
        if (i)
            snprintf(f->temp + n, sizeof f->temp - (size_t)n, "-%d", i);
        int made = !mkdir(f->temp, MODE);
        if (made && lock(f))
            return 0;
        if (!made && errno != EEXIST)
            return -1;
    }
    return -1;
}

/* Of this folder?  `data` is the end of its path. */
static int is_left(const char *name, size_t bytes, const void *data)
{
    size_t n = strlen(data);
    return bytes == (n < MOST_NAME ? n : MOST_NAME) && !memcmp(name, data, bytes);
}

static int open_parent(const struct tr__folder *f, size_t at)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%.*s", (int)at, f->target);
    return open(at ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int begin(struct tr__folder *f, const char *path, struct tr_err *err)
{
    size_t at = cut(f, path);
    if (!f->target[at] || strlen(path) + 300 > PATH_MAX) {
        errno = *path ? EINVAL : ENOENT;
        return cannot(f, err);
    }
    int rc = check_target(f, err), parent = rc ? -1 : open_parent(f, at);
    if (rc)
        return rc;
    if (parent >= 0)
        tr__temps_clean(parent, 1, is_left, f->target + at);
    if (parent < 0 || make(f, at)) {
        cannot(f, err);
        if (parent >= 0)
            close(parent);
        return TR_EIO;
    }
    f->self = tr__temp_new(parent, f->temp + at);
    if (f->self) {
        tr__temp_arm(f->self, 1);
        return 0;
    }
    rmdir(f->temp);
    close(f->lock);
    return cannot(f, err);
}

struct tr__folder *tr__folder_new(const char *path, struct tr_err *err)
{
    struct tr__folder *f = calloc(1, sizeof *f);
    if (!f) {
        tr_err_sys(err, "cannot write folder '%s'", path);
        return NULL;
    }
    if (!begin(f, path, err))
        return f;
    free(f);
    return NULL;
}

const char *tr__folder_path(const struct tr__folder *f)
{
    return f->temp;
}

int tr__folder_file(const struct tr__folder *f, const char *name, char *to,
                    struct tr_err *err)
{
    if (snprintf(to, PATH_MAX, "%s/%s", f->temp, name) < PATH_MAX)
        return 0;
    return tr_err_set(err, TR_EIO, "'%s/%.60s': the name is too long", f->target, name);
}

/* ---- files ------------------------------------------------------------------------ */

static int is_held(const struct tr__folder *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(tr__temp_name(f->file[i]), name))
            return 1;
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static int hold(struct tr__folder *f, const char *name)
{
    int dir = open(f->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || tr__grow(&f->file, &f->cap, f->n + 1, sizeof *f->file)) {
        if (dir >= 0)
            close(dir);
        return -1;
    }
    if (!(f->file[f->n] = tr__temp_new(dir, name)))
        return -1;
    tr__temp_arm(f->file[f->n++], 0);
    return 0;
}

int tr__folder_hold(struct tr__folder *f, struct tr_err *err)
{
    DIR *d = opendir(f->temp);
    int rc = d ? 0 : -1;
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (!is_held(f, e->d_name))
            rc = hold(f, e->d_name);
    if (rc)
        rc = cannot(f, err);
    if (d)
        closedir(d);
    return rc;
}

/* ---- end -------------------------------------------------------------------------- */

/* Its names are on disk already, with each file; then its own name. */
static int take_name(struct tr__folder *f, struct tr_err *err)
{
    /* a signal behind the renaming must not empty the folder that has its name */
    for (size_t i = 0; i < f->n; i++)
        tr__temp_disarm(f->file[i]);
    if (rename(f->temp, f->target)) {
        int rc = cannot(f, err);
        for (size_t i = 0; i < f->n; i++)
            tr__temp_arm(f->file[i], 0);
        return rc;
    }
    tr__temp_disarm(f->self);
    tr__sync(tr__temp_dir(f->self));
    return 0;
}

int tr__folder_finish(struct tr__folder *f, int rc, struct tr_err *err)
{
    if (!f)
        return rc;
    int held = tr__folder_hold(f, rc ? NULL : err);
    rc = rc ? rc : held;
    if (!rc)
        rc = take_name(f, err);
    for (size_t i = 0; i < f->n; i++)
        tr__temp_drop(f->file[i]);
    tr__temp_drop(f->self); /* empty by now, unless it has its name */
    close(f->lock);
    free(f->file);
    free(f);
    return rc;
}
