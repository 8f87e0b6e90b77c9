/* SPDX-License-Identifier: MIT
 *
 * A GGUF file is mapped and never copied: a model larger than memory can be read, and what
 * several processes read is there once.  parse.c checks all of it before anything is
 * believed; parts.c and open.c make one model of several files.
 */
#include <libtrain/gguf/reader.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that shrinks under the map would end in SIGBUS later; say it now if it is seen. */
static int same_size(const struct tr_gguf *g, int fd, struct tr_err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return tr_err_sys(err, "cannot read '%s'", g->path);
    if ((uint64_t)st.st_size != g->size)
        return tr_err_set(err, TR_EIO, "'%s': changed while it was read", g->path);
    return 0;
}

static int map_file(struct tr_gguf *g, int fd, struct tr_err *err)
{
    if (!g->size)
        return 0; /* the parser has a word for it */
    g->map = tr__map_file(fd, g->size, g->path, &g->note);
    return g->map ? 0 : tr_err_sys(err, "cannot map '%s'", g->path);
}

/* 1 if there is no file to open, which is told. */
static int is_other(const char *path, int *rc, struct tr_err *err)
{
    struct stat st;
    int failed = stat(path, &st);
    if (failed && errno == ENOENT)
        *rc = tr__gguf_absent(path, err);
    else if (!failed && S_ISDIR(st.st_mode))
        *rc = tr__gguf_folder(path, err);
    else
        return 0;
    return 1;
}

void tr__gguf_close_alone(struct tr_gguf *g)
{
    int saved = errno;
    if (!g)
        return;
    if (g->map)
        tr__unmap_file((void *)(uintptr_t)g->map, g->size, g->note);
    tr__names_release(&g->key_index);
    tr__names_release(&g->tensor_index);
    free(g->kv);
    free(g->tensor);
    free(g->key_text);
    free(g->name_text);
    free(g->copy);
    free(g->path);
    free(g->part);
    free(g);
    errno = saved;
}

struct tr_gguf *tr__gguf_open_alone(const char *path, struct tr_err *err)
{
    struct tr_gguf *g = calloc(1, sizeof *g);
    int fd = -1, rc = -1;
    if (!g || !(g->path = strdup(path))) {
        tr_err_sys(err, "cannot open '%s'", path);
        goto out;
    }
    if (strcmp(path, "-") == 0) {
        tr_err_set(err, TR_EIO, "'-': needs a seekable file, not a stream");
        goto out;
    }
    if (is_other(path, &rc, err))
        goto out;
    if ((fd = tr__open_regular(path, &g->size, err)) < 0 || map_file(g, fd, err) ||
        same_size(g, fd, err) || tr__gguf_parse(g, err) || same_size(g, fd, err))
        goto out;
    rc = 0;
out:
    if (fd >= 0)
        close(fd);
    if (!rc)
        return g;
    tr__gguf_close_alone(g);
    return NULL;
}
