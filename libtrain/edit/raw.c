/* SPDX-License-Identifier: MIT
 *
 * Tensors from file to file as they are, and how large a file of them will be.
 */
#include <libtrain/edit/edit.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { PIECE = 1 << 20, ALIGN = 32 };

int tr__raw_copy(struct tr_gguf_writer *w, const struct tr_gguf *g,
                 const struct tr_gguf_tensor *t, struct tr_err *err)
{
    for (int64_t at = 0; at < t->bytes; at += PIECE) {
        int64_t n = t->bytes - at < PIECE ? t->bytes - at : PIECE;
        const char *from = (const char *)t->data + at;
        int rc = tr_gguf_write(w, from, n, err);
        if (rc)
            return rc;
        tr_gguf_forget(g, from, n);
    }
    return 0;
}

int64_t tr__raw_padded(int64_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

int64_t tr__raw_key_bytes(const struct tr_gguf_kv *kv)
{
    return (int64_t)(8 + strlen(kv->key) + 4 + (kv->type == TR_GGUF_ARRAY ? 12 : 0) +
                     kv->data_bytes);
}

int64_t tr__raw_info_bytes(const struct tr_gguf_tensor *t)
{
    return (int64_t)(8 + strlen(t->name) + 4 + 8 * (size_t)t->n_dim + 4 + 8);
}

/* The folder that a file of this name is made in, which for a link is not the link's; NULL: in
 * none, since it goes to standard output or a device, or for lack of memory. */
static char *folder_of(const char *path)
{
    struct stat st;
    if (!strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode)))
        return NULL;
    char *target = realpath(path, NULL);
    const char *name = target ? target : path, *slash = strrchr(name, '/');
    char *dir = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
    free(target);
    return dir;
}

int tr__raw_room(const char *path, int64_t bytes, struct tr_err *err)
{
    char *dir = folder_of(path);
    struct statvfs fs;
    int known = dir && !statvfs(dir, &fs);
    free(dir);
    double there = known ? (double)fs.f_bavail * (double)fs.f_frsize : 0;
    if (!known || (double)bytes <= there)
        return 0; /* what is wrong with the folder is told by who writes to it */
    return tr_err_set(err, TR_EIO, "'%s' takes %.1f MB, %.1f MB are free", path,
                      (double)bytes / 1e6, there / 1e6);
}
