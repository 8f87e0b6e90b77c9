/* SPDX-License-Identifier: MIT
 *
 * The folder F.ckpt.d: made, or taken if it is this user's own and no link, and locked while a
 * run writes there.  The lock is of the kind that ends with its process, and that other
 * machines see; its file, and the folder if nothing was saved, go when the process ends,
 * however that comes.  Next: list.c.
 */
#include <libtrain/file.h>
#include <libtrain/train/saves.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char lock_file[] = "lock";

static char *join(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *s = malloc(size);
    if (s)
        snprintf(s, size, "%s%s", a, b);
    return s;
}

/* ---- whose it is ------------------------------------------------------------------ */

/* The owner that a file gets which we make beside the folder: most often this user, but a
 * server may have its own idea.  1 if that can be found out. */
static int owner_here(const struct tr_saves *s, uid_t *owner)
{
    struct stat st;
    struct tr_out *out = tr_out_open(s->target, NULL);
    const char *temp = out ? tr_out_temp(out) : NULL;
    int known = temp && !lstat(temp, &st);
    if (known)
        *owner = st.st_uid;
    tr_out_discard(out);
    return known;
}

/* What another user could put there may not decide where saves go. */
static int check_owner(const struct tr_saves *s, struct tr_err *err)
{
    struct stat st;
    uid_t owner;
    if (fstat(s->fd, &st))
        return tr_err_sys(err, "cannot open folder '%s'", s->dir);
    if (st.st_uid == geteuid() || (owner_here(s, &owner) && st.st_uid == owner))
        return 0;
    return tr_err_set(err, TR_EIO, "folder '%s' belongs to another user: saves go to a folder "
                      "of one's own", s->dir);
}

static int open_folder(struct tr_saves *s, struct tr_err *err)
{
    int made = !mkdir(s->dir, 0777);
    if (!made && errno != EEXIST)
        return tr_err_sys(err, "cannot make folder '%s'", s->dir);
    s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (s->fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return tr_err_set(err, TR_EIO, "'%s' is a link or a file: saves go to a folder of that "
                          "name", s->dir);
    if (s->fd < 0)
        return tr_err_sys(err, "cannot open folder '%s'", s->dir);
    return made ? 0 : check_owner(s, err);
}

/* ---- the lock --------------------------------------------------------------------- */

/* The lock file goes when its owner ends, so what was opened may no longer be what has the
 * name: then try again with what has it now. */
static int is_current(int dir, int fd)
{
    struct stat mine, there;
    return !fstat(fd, &mine) && !fstatat(dir, lock_file, &there, AT_SYMLINK_NOFOLLOW) &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
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
    while (s->lock < 0) {
        int fd = openat(s->fd, lock_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
            return tr_err_sys(err, "cannot write in '%s'", s->dir);
        if (fcntl(fd, F_SETLK, &region))
            return refuse_lock(s, fd, err);
        if (is_current(s->fd, fd))
            s->lock = fd;
        else
            close(fd);
    }
    return 0;
}

/* ---- the end ---------------------------------------------------------------------- */

/* Have lock and folder removed when the process ends.  Without memory for that they stay. */
static void go_with_process(struct tr_saves *s)
{
    char *slash = strrchr(s->dir, '/');
    size_t above = slash ? (size_t)(slash - s->dir) + 1 : 0;
    char *parent = above ? strndup(s->dir, above) : strdup(".");
    int dir = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    int up = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(parent);
    if (dir >= 0 && (s->lock_name = tr__temp_new(dir, lock_file)))
        tr__temp_arm(s->lock_name, 0);
    if (up >= 0 && (s->dir_name = tr__temp_new(up, s->dir + above)))
        tr__temp_arm(s->dir_name, 1);
}

static int is_save(const char *name, size_t bytes, const void *data)
{
    size_t n = strspn(name, "0123456789");
    (void)data;
    if (bytes == strlen(TR__BEST) && !memcmp(name, TR__BEST, bytes))
        return 1;
    return n && bytes == n + strlen(".gguf") && !memcmp(name + n, ".gguf", bytes - n);
}

struct tr_saves *tr_saves_open(const char *ckpt, struct tr_err *err)
{
    struct tr_saves *s = calloc(1, sizeof *s);
    if (s) {
        s->fd = s->lock = -1;
        s->target = join(ckpt, "");
        s->dir = join(ckpt, ".d");
    }
    if (!s || !s->target || !s->dir)
        tr_err_set(err, TR_ENOMEM, "'%s.d': out of memory for the names of saves", ckpt);
    else if (!open_folder(s, err) && !take_lock(s, err)) {
        go_with_process(s);
        tr__temps_clean(s->fd, 0, is_save, NULL); /* what a killed run was writing */
        return s;
    }
    tr_saves_close(s);
    return NULL;
}

void tr_saves_close(struct tr_saves *s)
{
    if (!s)
        return;
    tr__temp_drop(s->lock_name);
    tr__temp_drop(s->dir_name); /* goes only if nothing was saved */
    if (s->lock >= 0)
        close(s->lock);
    if (s->fd >= 0)
        close(s->fd);
    free(s->target);
    free(s->dir);
    free(s);
}
