/* SPDX-License-Identifier: MIT
 *
 * What lies in the folder of saves.  A name says little: files are known by what they hold, so
 * that nothing is taken for a save of this run, replaced or removed, that is none.  Next:
 * saves.c.
 */
#include <libtrain/train/run.h>
#include <libtrain/train/saves.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tr__save_path(const struct tr_saves *s, int64_t named, char *path, size_t size,
                  struct tr_err *err)
{
    int len = named >= 0 ? snprintf(path, size, "%s/%lld.gguf", s->dir, (long long)named)
                         : snprintf(path, size, "%s", s->target);
    return len >= 0 && (size_t)len < size
               ? 0
               : tr_err_set(err, TR_EIO, "path of '%s' is too long", s->dir);
}

/* ---- one file --------------------------------------------------------------------- */

/* A file that was cut or whose structure is damaged still begins as checkpoint.c writes it:
 * the architecture, then that it is a checkpoint. */
static int begins_as_checkpoint(const char *path)
{
    static const char type[] = "general.type\x08\0\0\0\x0a\0\0\0\0\0\0\0checkpoint";
    char head[512];
    uint64_t bytes;
    int fd = tr__open_regular(path, &bytes, NULL);
    ssize_t n = fd < 0 ? -1 : tr__pread_all(fd, head, sizeof head, 0);
    if (fd >= 0)
        close(fd);
    if (n < 4 || memcmp(head, "GGUF", 4))
        return 0;
    for (const char *p = head; p + sizeof type - 1 <= head + n; p++)
        if (!memcmp(p, type, sizeof type - 1))
            return 1;
    return 0;
}

static void look_into(const struct tr_trainer *t, const struct tr_gguf *g,
                      struct tr__save *save)
{
    struct tr_str type = { "", 0 };
    if (tr_gguf_string(g, "general.type", &type, NULL) != 1 ||
        !tr_str_is(type, "checkpoint"))
        return;
    save->kind = tr__same_run(t, g, NULL) ? TR__SAVE_OTHER : TR__SAVE_OWN;
    if (tr_gguf_int(g, "checkpoint.step", &save->step, NULL) < 0 ||
        tr_gguf_int(g, "checkpoint.total_steps", &save->total, NULL) < 0)
        save->kind = TR__SAVE_DAMAGED;
}

int tr__save_look(const struct tr_saves *s, const struct tr_trainer *t, int64_t named,
                  struct tr__save *save)
{
    char path[4096];
    struct stat st;
    *save = (struct tr__save){ .kind = TR__SAVE_FOREIGN, .named = named, .step = named,
                               .total = -1 };
    if (tr__save_path(s, named, path, sizeof path, NULL) || lstat(path, &st))
        return 0;
    if (named >= 0 && !S_ISREG(st.st_mode))
        return 1; /* whatever lies behind a link is not ours */
    struct tr_gguf *g = tr_gguf_open(path, NULL);
    if (g)
        look_into(t, g, save);
    else if (begins_as_checkpoint(path))
        save->kind = TR__SAVE_DAMAGED;
    tr_gguf_close(g);
    return 1;
}

/* ---- all -------------------------------------------------------------------------- */

static int64_t step_of(const char *name)
{
    char *end;
    if (*name < '0' || *name > '9' || (*name == '0' && name[1] != '.'))
        return -1;
    errno = 0;
    long long step = strtoll(name, &end, 10);
    return errno || strcmp(end, ".gguf") ? -1 : step;
}

static int furthest_first(const void *a, const void *b)
{
    const struct tr__save *x = a, *y = b;
    return (x->step < y->step) - (x->step > y->step);
}

int tr__saves_list(const struct tr_saves *s, const struct tr_trainer *t,
                   struct tr__save_list *l, struct tr_err *err)
{
    int rc = 0, fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    if (!d)
        return tr_err_sys(err, "cannot read folder '%s'", s->dir);
    for (struct dirent *e; !rc && (e = readdir(d));) {
        struct tr__save save;
        int64_t named = step_of(e->d_name);
        if (named < 0 || !tr__save_look(s, t, named, &save))
            continue;
        if (tr__grow(&l->save, &l->cap, l->n + 1, sizeof *l->save))
            rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for %zu saves", s->dir,
                            l->n + 1);
        else
            l->save[l->n++] = save;
    }
    closedir(d);
    if (l->n)
        qsort(l->save, l->n, sizeof *l->save, furthest_first);
    return rc;
}
