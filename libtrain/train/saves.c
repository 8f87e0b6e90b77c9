/* SPDX-License-Identifier: MIT */
#include <libtrain/checkpoint.h>
#include <libtrain/file.h>
#include <libtrain/base/base.h>

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
    int lock;     /* descriptor of F.ckpt.d/lock, locked; -1: not held */
};

static char *join(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *s = malloc(size);
    if (s)
        snprintf(s, size, "%s%s", a, b);
    return s;
}

/* The lock file goes when its owner ends, so what was opened may no longer be what has the
 * name: then try again with what has it now. */
static int is_current(int fd, const char *path)
{
    struct stat mine, there;
    return !fstat(fd, &mine) && !stat(path, &there) && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static int refuse_lock(const struct tr_saves *s, int fd, struct tr_err *err)
{
    struct flock other = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int known = !fcntl(fd, F_GETLK, &other) && other.l_type != F_UNLCK;
    close(fd);
    if (known)
        return tr_err_set(err, TR_EIO, "'%s' is locked by process %ld", s->dir,
                          (long)other.l_pid);
    return tr_err_set(err, TR_EIO, "cannot lock '%s'", s->dir);
}

static int take_lock(struct tr_saves *s, struct tr_err *err)
{
    struct flock region = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char *path = join(s->dir, "/lock");
    int rc = path ? 0 : tr_err_set(err, TR_ENOMEM, "out of memory");
    while (!rc && s->lock < 0) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
            rc = tr_err_sys(err, "cannot write in '%s'", s->dir);
        else if (fcntl(fd, F_SETLK, &region))
            rc = refuse_lock(s, fd, err);
        else if (is_current(fd, path))
            s->lock = fd;
        else
            close(fd);
    }
    free(path);
    return rc;
}

static int is_save(const char *name, size_t bytes, const void *data)
{
    size_t n = strspn(name, "0123456789");
    (void)data;
    return n && bytes == n + strlen(".gguf") && !memcmp(name + n, ".gguf", bytes - n);
}

/* What a killed run was writing. */
static void clean(const struct tr_saves *s)
{
    int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    tr__temps_clean(dir, is_save, NULL);
    close(dir);
}

struct tr_saves *tr_saves_open(const char *ckpt, struct tr_err *err)
{
    struct tr_saves *s = calloc(1, sizeof *s);
    if (s) {
        s->lock = -1;
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
    if (!take_lock(s, err)) {
        clean(s);
        return s;
    }
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
    if (s->lock >= 0) {
        close(s->lock);
        rmdir(s->dir); /* only if nothing was saved */
    }
    free(s->target);
    free(s->dir);
    free(s);
}

/* ---- the list --------------------------------------------------------------------- */

struct save {
    int64_t step;
    int in_folder; /* 0: the finished target */
    int same_total; /* of a run as long as this one */
};

struct list {
    struct save *save;
    size_t n, cap;
};

static int64_t step_of(const char *name)
{
    char *end;
    if (*name < '0' || *name > '9')
        return -1;
    errno = 0;
    long long step = strtoll(name, &end, 10);
    return errno || strcmp(end, ".gguf") ? -1 : step;
}

/* Saves of a run of the same length first: a target that was finished before the length was
 * changed must not come before the saves of the run that went on.  Then the newest; a
 * finished target before the save of the same step. */
static int by_preference(const void *a, const void *b)
{
    const struct save *x = a, *y = b;
    if (x->same_total != y->same_total)
        return y->same_total - x->same_total;
    if (x->step != y->step)
        return x->step < y->step ? 1 : -1;
    return x->in_folder - y->in_folder;
}

static int add(struct list *l, struct save save, struct tr_err *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        struct save *more = realloc(l->save, cap * sizeof *more);
        if (!more)
            return tr_err_set(err, TR_ENOMEM, "out of memory");
        l->save = more;
        l->cap = cap;
    }
    l->save[l->n++] = save;
    return 0;
}

static int save_path(const struct tr_saves *s, const struct save *save, char *path,
                     size_t size, struct tr_err *err)
{
    int len = save->in_folder ? snprintf(path, size, "%s/%lld.gguf", s->dir,
                                         (long long)save->step)
                              : snprintf(path, size, "%s", s->target);
    return len >= 0 && (size_t)len < size
               ? 0
               : tr_err_set(err, TR_EIO, "path of '%s' is too long", s->dir);
}

/* All files in the folder, in no order. */
static int list_folder(const struct tr_saves *s, struct list *l, struct tr_err *err)
{
    int rc = 0;
    struct dirent *e;
    DIR *d = opendir(s->dir);
    if (!d)
        return tr_err_sys(err, "cannot read folder '%s'", s->dir);
    while (!rc && (e = readdir(d))) {
        int64_t step = step_of(e->d_name);
        if (step >= 0)
            rc = add(l, (struct save){ .step = step, .in_folder = 1 }, err);
    }
    closedir(d);
    return rc;
}

/* What the file itself says of its step and the length of its run; a file that cannot be
 * read keeps its place by name, and is told of when it is tried. */
static void look_into(const struct tr_saves *s, struct save *save, int64_t total)
{
    char path[4096];
    int64_t its_total = -1;
    struct tr_gguf *g =
        save_path(s, save, path, sizeof path, NULL) ? NULL : tr_gguf_open(path, NULL);
    if (g && tr_gguf_int(g, "checkpoint.total_steps", &its_total, NULL) == 1)
        save->same_total = its_total == total;
    if (g && tr_gguf_int(g, "checkpoint.step", &save->step, NULL) < 0)
        save->same_total = 0;
    tr_gguf_close(g);
}

/* Everything to resume from, the best first. */
static int list_all(const struct tr_saves *s, int64_t total, struct list *l,
                    struct tr_err *err)
{
    int rc = list_folder(s, l, err);
    if (!rc && !access(s->target, F_OK))
        rc = add(l, (struct save){ .in_folder = 0 }, err);
    for (size_t i = 0; !rc && i < l->n; i++) {
        int64_t named = l->save[i].step;
        look_into(s, &l->save[i], total);
        if (l->save[i].in_folder)
            l->save[i].step = named;
    }
    if (l->n)
        qsort(l->save, l->n, sizeof *l->save, by_preference);
    return rc;
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
    struct list l = {0};
    struct tr_err other = {0};
    int loaded = 0, rc = list_all(s, tr_trainer_total(t), &l, err);
    for (size_t i = 0; !loaded && !rc && i < l.n; i++) {
        rc = save_path(s, &l.save[i], from, size, err);
        loaded = !rc && try_load(t, from, say, &other);
    }
    free(l.save);
    if (loaded || rc)
        return loaded ? 1 : rc;
    if (other.code)
        return tr_err_set(err, other.code, "%s", other.text);
    if (l.n)
        return tr_err_set(err, TR_EFORMAT, "no valid checkpoint in '%s'", s->dir);
    return 0;
}

/* Remove saves behind this step, which are of a run that this one replaces, and of the
 * others all but the `keep` newest. */
static int prune(struct tr_saves *s, int64_t mine, size_t keep, struct tr_err *err)
{
    char path[4096];
    struct list l = {0};
    int rc = list_folder(s, &l, err);
    if (l.n)
        qsort(l.save, l.n, sizeof *l.save, by_preference);
    for (size_t i = 0; !rc && i < l.n; i++) {
        if (l.save[i].step <= mine && keep) {
            keep--;
            continue;
        }
        if (!save_path(s, &l.save[i], path, sizeof path, NULL))
            unlink(path);
    }
    free(l.save);
    return rc;
}

int tr_saves_write(struct tr_saves *s, const struct tr_trainer *t, int keep,
                   struct tr_err *err)
{
    char path[4096];
    struct save mine = { .step = tr_trainer_step_count(t), .in_folder = 1 };
    int rc = save_path(s, &mine, path, sizeof path, err);
    if (!rc)
        rc = tr_trainer_save(t, path, err);
    return rc ? rc : prune(s, mine.step, (size_t)keep, err);
}
