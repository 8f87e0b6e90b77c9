/* SPDX-License-Identifier: MIT */
#include <libtrain/checkpoint.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tr_saves {
    char *target; /* F.ckpt */
    char *dir;    /* F.ckpt.d */
    int lock;     /* descriptor of F.ckpt.d/lock */
    int fresh;    /* this run has saved nothing and continues nothing: what is there is old */
};

static char *join(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *s = malloc(size);
    if (s)
        snprintf(s, size, "%s%s", a, b);
    return s;
}

static int take_lock(struct tr_saves *s, struct tr_err *err)
{
    struct flock region = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char *path = join(s->dir, "/lock");
    if (!path)
        return tr_err_set(err, TR_ENOMEM, "out of memory");
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    free(path);
    if (s->lock < 0)
        return tr_err_sys(err, "cannot write in '%s'", s->dir);
    if (!fcntl(s->lock, F_SETLK, &region))
        return 0;
    if (!fcntl(s->lock, F_GETLK, &region) && region.l_type != F_UNLCK)
        return tr_err_set(err, TR_EIO, "'%s' is locked by process %ld", s->dir,
                          (long)region.l_pid);
    return tr_err_sys(err, "cannot lock '%s'", s->dir);
}

struct tr_saves *tr_saves_open(const char *ckpt, struct tr_err *err)
{
    struct tr_saves *s = calloc(1, sizeof *s);
    if (s) {
        s->lock = -1;
        s->fresh = 1;
        s->target = join(ckpt, "");
        s->dir = join(ckpt, ".d");
    }
    if (!s || !s->target || !s->dir) {
        tr_err_set(err, TR_ENOMEM, "out of memory");
        goto fail;
    }
    if (mkdir(s->dir, 0777) && errno != EEXIST) {
        tr_err_sys(err, "cannot make folder '%s'", s->dir);
        goto fail;
    }
    if (!take_lock(s, err))
        return s;
fail:
    tr_saves_close(s);
    return NULL;
}

void tr_saves_close(struct tr_saves *s)
{
    if (!s)
        return;
    char *lock = s->lock >= 0 ? join(s->dir, "/lock") : NULL;
    if (lock)
        unlink(lock);
    free(lock);
    if (s->lock >= 0)
        close(s->lock);
    if (s->dir)
        rmdir(s->dir); /* only if nothing was saved */
    free(s->target);
    free(s->dir);
    free(s);
}

/* ---- the list --------------------------------------------------------------------- */

static int64_t step_of(const char *name)
{
    char *end;
    if (*name < '0' || *name > '9')
        return -1;
    errno = 0;
    long long step = strtoll(name, &end, 10);
    return errno || strcmp(end, ".gguf") ? -1 : step;
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Steps of the files in the folder, newest first; the array is the caller's. */
static int list(const struct tr_saves *s, int64_t **step, size_t *n, struct tr_err *err)
{
    size_t cap = 0;
    DIR *d = opendir(s->dir);
    struct dirent *e;
    *step = NULL;
    *n = 0;
    if (!d)
        return tr_err_sys(err, "cannot read folder '%s'", s->dir);
    while ((e = readdir(d))) {
        int64_t v = step_of(e->d_name);
        if (v < 0)
            continue;
        if (*n == cap) {
            cap = cap ? 2 * cap : 16;
            int64_t *more = realloc(*step, cap * sizeof *more);
            if (!more) {
                closedir(d);
                free(*step);
                *step = NULL;
                return tr_err_set(err, TR_ENOMEM, "out of memory");
            }
            *step = more;
        }
        (*step)[(*n)++] = v;
    }
    closedir(d);
    if (*n)
        qsort(*step, *n, sizeof **step, descending);
    return 0;
}

static int save_path(const struct tr_saves *s, int64_t step, char *path, size_t size,
                     struct tr_err *err)
{
    int len = snprintf(path, size, "%s/%lld.gguf", s->dir, (long long)step);
    return len >= 0 && (size_t)len < size
               ? 0
               : tr_err_set(err, TR_EIO, "path of '%s' is too long", s->dir);
}

/* ---- use -------------------------------------------------------------------------- */

/* Try one file: 1 loaded, else 0, with the reason told.  Of files that are whole but of
 * another run the first reason is kept. */
static int try_load(struct tr_trainer *t, const char *path, void (*say)(const char *),
                    struct tr_err *other)
{
    struct tr_err why = {0};
    int rc = tr_trainer_load(t, path, &why);
    if (rc == TR_EMISMATCH)
        tr_err_set(other, rc, "%s", why.text);
    if (rc)
        say(why.text);
    return !rc;
}

int tr_saves_resume(struct tr_saves *s, struct tr_trainer *t, void (*say)(const char *),
                    char *from, size_t size, struct tr_err *err)
{
    int64_t *step;
    size_t n, n_tried = 0;
    struct tr_err other = {0};
    int loaded = 0, rc = list(s, &step, &n, err);
    if (rc)
        return rc;
    if (!access(s->target, F_OK)) { /* the end of a run is newer than its saves */
        n_tried++;
        snprintf(from, size, "%s", s->target);
        loaded = try_load(t, from, say, &other);
    }
    for (size_t i = 0; !loaded && !rc && i < n; i++) {
        n_tried++;
        rc = save_path(s, step[i], from, size, err);
        loaded = !rc && try_load(t, from, say, &other);
    }
    free(step);
    s->fresh = !loaded;
    if (loaded || rc)
        return loaded ? 1 : rc;
    if (other.code)
        return tr_err_set(err, other.code, "%s", other.text);
    if (n_tried)
        return tr_err_set(err, TR_EFORMAT, "no valid checkpoint in '%s'", s->dir);
    return 0;
}

/* Remove saves: all but the `keep` newest, or all but `mine` where they are of a run that
 * this one replaces. */
static int prune(struct tr_saves *s, int64_t mine, size_t keep, struct tr_err *err)
{
    char path[4096];
    int64_t *step;
    size_t n;
    int rc = list(s, &step, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if ((s->fresh ? step[i] != mine : i >= keep) &&
            !save_path(s, step[i], path, sizeof path, NULL))
            unlink(path);
    s->fresh = 0;
    free(step);
    return rc;
}

int tr_saves_write(struct tr_saves *s, const struct tr_trainer *t, int keep,
                   struct tr_err *err)
{
    char path[4096];
    int64_t step = tr_trainer_step_count(t);
    int rc = save_path(s, step, path, sizeof path, err);
    if (!rc)
        rc = tr_trainer_save(t, path, err);
    return rc ? rc : prune(s, step, (size_t)keep, err);
}
