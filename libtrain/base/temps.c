/* SPDX-License-Identifier: MIT
 *
 * Temporaries.  One is `.NAME.tmp.PID`, or `.NAME.tmp.PID-N` where that is taken, and
 * locked by whoever writes it (flock), from before it holds anything until it has become
 * NAME.  So what a killed process left is told from what is alive by trying the lock, not
 * by the number of the process, which means nothing on another machine or in another
 * container that shares the folder.  Only a regular file of this user that nobody has
 * locked is removed, or a folder with its files, and where the file system knows no locks, nothing is.
 *
 * A handler that ends the process removes what is open (tr_out_unlink_all): it walks the
 * list of list.h and calls nothing but getpid and unlinkat.  Next: file.c.
 */
#include <libtrain/base/list.h>
#include <libtrain/base/temps.h>
#include <libtrain/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { TRIES = 1000 };
enum { IDLE, FILE_THERE, FOLDER_THERE }; /* what a handler does with an entry */

static const char mark[] = ".tmp.";

struct tr__temp {
    struct tr__entry entry;
    atomic_int armed;
    pid_t owner; /* a child that was forked has the list too, and removes nothing */
    int dir;
    char name[TR__NAME_BYTES];
};

static struct tr__list temps;

/* ---- the list --------------------------------------------------------------------- */

struct tr__temp *tr__temp_new(int dir, const char *name)
{
    struct tr__temp *t = tr__list_take(&temps, sizeof *t);
    if (!t) {
        close(dir);
        errno = ENOMEM;
        return NULL;
    }
    t->owner = getpid();
    t->dir = dir;
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

const char *tr__temp_name(const struct tr__temp *t)
{
    return t->name;
}

void tr__temp_arm(struct tr__temp *t, int folder)
{
    atomic_store(&t->armed, folder ? FOLDER_THERE : FILE_THERE);
}

void tr__temp_disarm(struct tr__temp *t)
{
    atomic_store(&t->armed, IDLE);
}

int tr__temp_dir(const struct tr__temp *t)
{
    return t->dir;
}

static void remove_armed(struct tr__temp *t, int what)
{
    if (atomic_load(&t->armed) == what && t->owner == getpid())
        unlinkat(t->dir, t->name, what == FOLDER_THERE ? AT_REMOVEDIR : 0);
}

void tr__temp_drop(struct tr__temp *t)
{
    if (!t)
        return;
    remove_armed(t, FILE_THERE);
    remove_armed(t, FOLDER_THERE);
    tr__temp_disarm(t);
    close(t->dir);
    tr__list_give(&t->entry);
}

void tr_out_unlink_all(void)
{
    for (struct tr__temp *t = tr__list_first(&temps); t; t = (void *)t->entry.next)
        remove_armed(t, FILE_THERE);
    for (struct tr__temp *t = tr__list_first(&temps); t; t = (void *)t->entry.next)
        remove_armed(t, FOLDER_THERE); /* now that it is empty */
}

/* ---- names ------------------------------------------------------------------------ */

/* What the temporaries of a file begin with.  A name that would not fit into a directory
 * entry with the rest is cut, and told apart by its hash. */
static void stem_of(char stem[TR__NAME_BYTES], const char *name)
{
    if (strlen(name) + sizeof ".tmp.4294967295-1000" < TR__NAME_BYTES)
        snprintf(stem, TR__NAME_BYTES, ".%.230s%s", name, mark);
    else
        snprintf(stem, TR__NAME_BYTES, ".%.200s~%016llx%s", name,
                 (unsigned long long)XXH3_64bits(name, strlen(name)), mark);
}

/* 1 for "123" and "123-4". */
static int is_number(const char *text)
{
    size_t pid = strspn(text, "0123456789");
    size_t n = text[pid] == '-' ? strspn(text + pid + 1, "0123456789") : 0;
    return pid && (!text[pid] || (n && !text[pid + 1 + n]));
}

/* Bytes of the name that this is a temporary of; 0 if it is none. */
static size_t target_bytes(const char *name)
{
    const char *at = NULL;
    for (const char *p = name; (p = strstr(p, mark)); p++)
        at = p;
    return *name == '.' && at > name + 1 && is_number(at + strlen(mark))
               ? (size_t)(at - name - 1) : 0;
}

/* ---- what others left ------------------------------------------------------------- */

/* 1 if the descriptor holds the lock of what has this name now. */
static int holds(int fd, int dir, const char *name)
{
    struct stat mine, there;
    return !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &mine) && mine.st_nlink &&
           !fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) &&
           mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

/* All files in a folder; what is no file stays. */
static void empty(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = own < 0 ? NULL : fdopendir(own);
    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(fd, e->d_name, 0);
    if (d)
        closedir(d);
    else if (own >= 0)
        close(own);
}

static void remove_folder(int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && st.st_uid == geteuid() && holds(fd, dir, name)) {
        empty(fd);
        unlinkat(dir, name, AT_REMOVEDIR);
    }
    close(fd);
}

/* Whoever makes a temporary locks it next and looks whether it is still there, so that it
 * does no harm if this comes between. */
static void remove_left(int dir, const char *name, int folders)
{
    struct stat st;
    int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == EISDIR && folders)
        remove_folder(dir, name);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        holds(fd, dir, name))
        unlinkat(dir, name, 0);
    close(fd);
}

void tr__temps_clean(int dir, int folders,
                     int (*mine)(const char *name, size_t bytes, const void *data),
                     const void *data)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        size_t bytes = target_bytes(e->d_name);
        if (bytes && mine(e->d_name + 1, bytes, data))
            remove_left(dir, e->d_name, folders);
    }
    closedir(d);
}

/* ---- a new one -------------------------------------------------------------------- */

static int has_stem(const char *name, size_t bytes, const void *stem)
{
    size_t all = 1 + bytes + strlen(mark); /* with the dot in front */
    return strlen(stem) == all && !memcmp(name - 1, stem, all);
}

int tr__temp_lock(int fd, int dir, const char *name)
{
    errno = 0;
    return holds(fd, dir, name) || (errno && errno != EWOULDBLOCK && errno != ENOENT);
}

/* Create and lock; -1 with EEXIST if the name, or the file, is another's. */
static int create(struct tr__temp *t, mode_t mode)
{
    int fd = openat(t->dir, t->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    tr__temp_arm(t, 0);
    if (tr__temp_lock(fd, t->dir, t->name))
        return fd;
    tr__temp_disarm(t);
    close(fd);
    errno = EEXIST;
    return -1;
}

int tr__temp_create(struct tr__temp *t, const char *name, mode_t mode)
{
    char stem[TR__NAME_BYTES];
    int fd = -1;
    stem_of(stem, name);
    tr__temps_clean(t->dir, 0, has_stem, stem);
    for (int i = 0; i < TRIES && fd < 0; i++) {
        int n = snprintf(t->name, sizeof t->name, "%.235s%u", stem, (unsigned)getpid());
        if (i)
            snprintf(t->name + n, sizeof t->name - (size_t)n, "-%d", i);
        fd = create(t, mode);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    return fd;
}
