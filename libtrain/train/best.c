/* SPDX-License-Identifier: MIT
 *
 * What had the lowest held-out loss on the way, beside the saves: a checkpoint like them, which
 * nothing goes on from by itself.  Next: loop.c.
 */
#include <libtrain/train/run.h>
#include <libtrain/train/saves.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* 1 if there is a checkpoint, 0 nothing, or an error: something else has its name. */
static int look(const char *path, struct tr_err *err)
{
    struct tr_str type = { "", 0 };
    if (access(path, F_OK))
        return 0;
    struct tr_gguf *g = tr_gguf_open(path, err);
    int ok = g && tr_gguf_string(g, "general.type", &type, NULL) == 1 &&
             tr_str_is(type, "checkpoint");
    tr_gguf_close(g);
    return ok ? 1
              : tr_err_set(err, TR_EIO, "'%s' is there already, and is no checkpoint", path);
}

static int path_of(const struct tr_saves *s, char *path, size_t size, struct tr_err *err)
{
    int len = snprintf(path, size, "%s/" TR__BEST, s->dir);
    return len > 0 && (size_t)len < size
               ? look(path, err)
               : tr_err_set(err, TR_EIO, "path of '%s' is too long", s->dir);
}

int tr__saves_write_best(const struct tr_saves *s, const struct tr_trainer *t,
                         struct tr_err *err)
{
    char path[4096];
    int rc = path_of(s, path, sizeof path, err);
    return rc < 0 ? rc : tr_trainer_save(t, path, err);
}

int tr__saves_remove_best(const struct tr_saves *s, struct tr_err *err)
{
    char path[4096];
    int rc = path_of(s, path, sizeof path, err);
    if (rc > 0 && unlink(path) && errno != ENOENT)
        return tr_err_sys(err, "cannot remove '%s'", path);
    return rc < 0 ? rc : 0;
}
