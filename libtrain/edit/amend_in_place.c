/* SPDX-License-Identifier: MIT
 *
 * Other keys and names in front of data that stay where they are.  llama.cpp reads no file
 * with a gap in front of its first tensor, so what is left over becomes a key, and comes in
 * useful the next time.  A write of megabytes can be cut short, therefore the old beginning
 * is on disk, by itself, from before the first byte is written until the file has been read
 * back.
 */
#include <libtrain/edit/amend.h>
#include <libtrain/edit/edit.h>
#include <libtrain/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define SUFFIX ".old-header"
enum { FOOT = 16, FRAME = 32 /* of the key for what is left over */ };

/* ---- the new beginning ------------------------------------------------------------ */

struct head {
    const struct tr_amend *a;
    unsigned char *p;
    size_t n, size; /* written so far, of all */
};

static void put(struct head *h, const void *data, size_t n)
{
    memcpy(h->p + h->n, data, n);
    h->n += n;
}

static void put_u32(struct head *h, uint32_t v)
{
    unsigned char le[4];
    tr__put_u32(le, v);
    put(h, le, sizeof le);
}

static void put_u64(struct head *h, uint64_t v)
{
    unsigned char le[8];
    tr__put_u64(le, v);
    put(h, le, sizeof le);
}

static void put_name(struct head *h, const char *name)
{
    put_u64(h, strlen(name));
    put(h, name, strlen(name));
}

static void put_kv(struct head *h, const struct tr_gguf_kv *kv)
{
    put_name(h, kv->key);
    put_u32(h, kv->type);
    if (kv->type == TR_GGUF_ARRAY) {
        put_u32(h, kv->elem);
        put_u64(h, kv->count);
    }
    put(h, kv->data, kv->data_bytes);
}

static void put_info(struct head *h, const struct tr_gguf_tensor *t, const char *name)
{
    put_name(h, name);
    put_u32(h, (uint32_t)t->n_dim);
    for (int k = t->n_dim; k-- > 0;) /* fastest first */
        put_u64(h, (uint64_t)t->dim[k]);
    put_u32(h, t->dtype->id);
    put_u64(h, t->offset - h->size);
}

/* Tensors of the file itself: those of a model's other files are behind them. */
static size_t n_own(const struct tr_gguf *g)
{
    size_t n = 0;
    while (n < tr_gguf_n_tensor(g) && !tr_gguf_tensor(g, n)->part)
        n++;
    return n;
}

/* Where its data begin. */
static uint64_t data_start(const struct tr_gguf *g)
{
    uint64_t start = UINT64_MAX;
    for (size_t i = 0, n = n_own(g); i < n; i++)
        if (tr_gguf_tensor(g, i)->offset < start)
            start = tr_gguf_tensor(g, i)->offset;
    return start;
}

static uint64_t bytes_needed(const struct tr_amend *a)
{
    int64_t bytes = 24;
    for (size_t i = 0; i < a->n_kv; i++)
        bytes += tr__raw_key_bytes(&a->kv[i]);
    for (size_t i = 0, n = n_own(a->g); i < n; i++) {
        struct tr_gguf_tensor t = *tr_gguf_tensor(a->g, i);
        t.name = a->name[i];
        bytes += tr__raw_info_bytes(&t);
    }
    return (uint64_t)bytes;
}

static void put_all(struct head *h, const struct tr_gguf_kv *room)
{
    const struct tr_amend *a = h->a;
    size_t n = n_own(a->g);
    put(h, "GGUF", 4);
    put_u32(h, tr_gguf_version(a->g));
    put_u64(h, n);
    put_u64(h, a->n_kv + (room != NULL));
    for (size_t i = 0; i < a->n_kv; i++)
        put_kv(h, &a->kv[i]);
    if (room)
        put_kv(h, room);
    for (size_t i = 0; i < n; i++)
        put_info(h, tr_gguf_tensor(a->g, i), a->name[i]);
}

static int no_room(const struct tr_amend *a, uint64_t more, struct tr_err *err)
{
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': the keys take %llu bytes more than "
                      "there is room for in front of the data: write a new file",
                      tr_gguf_path(a->g), (unsigned long long)more);
}

static int has_room(uint64_t need, uint64_t size, uint64_t align)
{
    return need <= size && (size - need < align || size - need >= FRAME);
}

/* All bytes in front of the data: h->p, the caller's to free. */
static int make_head(struct head *h, struct tr_err *err)
{
    const struct tr_amend *a = h->a;
    uint64_t need = bytes_needed(a), align = tr_gguf_alignment(a->g);
    uint64_t left = h->size - need;
    struct tr_gguf_kv room;
    void *owned = NULL;
    if (need > h->size)
        return no_room(a, need - h->size, err);
    if (left >= align && left < FRAME)
        return no_room(a, FRAME - left, err);
    int rc = left < align ? 0
                          : tr__amend_room(&room, (int64_t)left - FRAME, &owned, err);
    if (!rc && !(h->p = calloc(1, h->size)))
        rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its keys",
                        tr_gguf_path(a->g));
    if (!rc)
        put_all(h, left < align ? NULL : &room);
    free(owned);
    return rc;
}

/* ---- the old beginning ------------------------------------------------------------ */

static char *copy_path(const char *path, struct tr_err *err)
{
    size_t n = strlen(path) + sizeof SUFFIX;
    char *s = malloc(n);
    if (s)
        snprintf(s, n, "%s%s", path, SUFFIX);
    else
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory", path);
    return s;
}

/* What tells the data of this file from another's: the hash of so many pieces of it, evenly
 * spread, which are all of it up to a megabyte; of more, reading all would take longer than
 * the edit.  Each hash is the seed of the next, the size that of the first. */
static int hash_data(int fd, const char *path, size_t from, uint64_t file_bytes,
                     uint64_t *hash, struct tr_err *err)
{
    enum { PIECES = 256, PIECE = 4096 };
    unsigned char piece[PIECE];
    uint64_t n = file_bytes - from, last = n > PIECE ? n - PIECE : 0;
    *hash = file_bytes;
    for (uint64_t i = 0; i < PIECES; i++) {
        ssize_t got = tr__pread_all(fd, piece, PIECE, from + last * i / (PIECES - 1));
        if (got < 0)
            return tr_err_sys(err, "cannot read '%s'", path);
        *hash = XXH64(piece, (size_t)got, *hash);
    }
    return 0;
}

/* Behind the bytes: of which file they are, by its size, and the hash of them and its data. */
static int save(const char *to, const unsigned char *old, size_t n, uint64_t file_bytes,
                uint64_t data, struct tr_err *err)
{
    unsigned char foot[FOOT];
    struct tr_out *out = tr_out_open(to, err);
    if (!out)
        return TR_EIO;
    tr__put_u64(foot, file_bytes);
    tr__put_u64(foot + 8, XXH64(old, n, data));
    int rc = tr_out_write(out, old, n, err);
    if (!rc)
        rc = tr_out_write(out, foot, sizeof foot, err);
    return tr_out_finish(out, rc, err);
}

static int overwrite(int fd, const char *path, const unsigned char *p, size_t n,
                     struct tr_err *err)
{
    if (tr__pwrite_all(fd, p, n, 0) || tr__sync(fd))
        return tr_err_sys(err, "write error on '%s'", path);
    return 0;
}

/* Both are whole again or the copy stays. */
static int roll_back(int fd, const char *path, const char *copy, const unsigned char *old,
                     size_t n, struct tr_err *err)
{
    struct tr_err why = { 0 };
    if (overwrite(fd, path, old, n, &why))
        return tr_err_prefix(err, "'%s' is damaged; '%s' has what it began with", path,
                             copy);
    unlink(copy);
    return err ? err->code : TR_EIO;
}

/* ---- the edit --------------------------------------------------------------------- */

/* Is what was opened what the name stands for?  A file without data is replaced by another
 * (rewrite), and then a lock on the old one holds nobody off. */
static int is_still(int fd, const char *path)
{
    struct stat mine, named;
    return !fstat(fd, &mine) && !stat(path, &named) && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
}

int tr_amend_lock(const char *path, struct tr_err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
        if (is_still(fd, path))
            return fd;
        errno = EWOULDBLOCK;
    }
    if (fd >= 0 && errno == EWOULDBLOCK)
        tr_err_set(err, TR_EIO, "'%s' is being edited by another process", path);
    else
        tr_err_sys(err, "cannot write '%s'", path);
    if (fd >= 0)
        close(fd);
    return TR_EIO;
}

static int is_readable(const char *path, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(path, err);
    tr_gguf_close(g);
    return g != NULL;
}

/* Write h over what fd begins with, which is `old`. */
static int replace(int fd, const char *path, const char *copy, const struct head *h,
                   const unsigned char *old, uint64_t file_bytes, struct tr_err *err)
{
    uint64_t data;
    int rc = hash_data(fd, path, h->size, file_bytes, &data, err);
    if (!rc)
        rc = save(copy, old, h->size, file_bytes, data, err);
    if (rc)
        return rc;
    if (overwrite(fd, path, h->p, h->size, err) || !is_readable(path, err))
        return roll_back(fd, path, copy, old, h->size, err);
    if (unlink(copy))
        return tr_err_sys(err, "'%s' is done, but '%s' cannot be removed", path, copy);
    return 0;
}

static int edit(int fd, const char *path, const char *copy, const struct head *h,
                struct tr_err *err)
{
    uint64_t file_bytes = (uint64_t)lseek(fd, 0, SEEK_END);
    if (!access(copy, F_OK))
        return tr_err_set(err, TR_EIO, "'%s' is left of an edit that was cut short: "
                          "restore '%s' first", copy, path);
    unsigned char *old = malloc(h->size);
    int rc = 0;
    if (!old)
        rc = tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its keys", path);
    else if (tr__pread_all(fd, old, h->size, 0) != (ssize_t)h->size)
        rc = tr_err_sys(err, "cannot read '%s'", path);
    if (!rc)
        rc = replace(fd, path, copy, h, old, file_bytes, err);
    free(old);
    return rc;
}

/* A file without data is nothing but its keys, and replaced in one step. */
static int rewrite(const struct tr_amend *a, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(tr_gguf_path(a->g), err);
    if (!w)
        return TR_EIO;
    for (size_t i = 0; i < a->n_kv; i++)
        if (strcmp(a->kv[i].key, "general.alignment"))
            tr_gguf_set_kv(w, &a->kv[i]);
    return tr_gguf_commit(w, err);
}

/* Only the first file of a model is written. */
static int check_parts(const struct tr_amend *a, struct tr_err *err)
{
    if (a->grow.old)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tokens that are added have rows of "
                          "their own: write a new file", tr_gguf_path(a->g));
    for (size_t i = n_own(a->g); i < tr_gguf_n_tensor(a->g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(a->g, i);
        if (strcmp(t->name, a->name[i]))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': tensor '%s' is in '%s', which "
                              "stays as it is: write a new file", tr_gguf_path(a->g),
                              t->name, tr_gguf_part_path(a->g, (size_t)t->part));
    }
    return 0;
}

int tr_amend_in_place(struct tr_amend *a, int locked, struct tr_err *err)
{
    struct head h = { .a = a, .size = (size_t)data_start(a->g) };
    const char *path = tr_gguf_path(a->g);
    int rc = check_parts(a, err);
    if (!rc && !n_own(a->g))
        return rewrite(a, err);
    if (!has_room(bytes_needed(a), h.size, tr_gguf_alignment(a->g)))
        tr__amend_drop_history(a);
    char *copy = rc ? NULL : copy_path(path, err);
    if (!rc)
        rc = copy ? make_head(&h, err) : TR_ENOMEM;
    if (!rc)
        rc = edit(locked, path, copy, &h, err);
    free(h.p);
    free(copy);
    return rc;
}

/* ---- undoing one that was cut short ----------------------------------------------- */

static int put_back(const char *path, const char *copy, const unsigned char *old, size_t n,
                    struct tr_err *err)
{
    int rc = 0, fd = tr_amend_lock(path, err);
    if (fd < 0)
        return fd;
    uint64_t data = 0, file_bytes = (uint64_t)lseek(fd, 0, SEEK_END);
    int fits = n > FOOT && n - FOOT <= file_bytes && tr__get_u64(old + n - FOOT) == file_bytes;
    if (fits)
        rc = hash_data(fd, path, n - FOOT, file_bytes, &data, err);
    if (!rc && (!fits || tr__get_u64(old + n - 8) != XXH64(old, n - FOOT, data)))
        rc = tr_err_set(err, TR_EMISMATCH, "'%s' is not what '%s' begins with", copy, path);
    if (!rc)
        rc = overwrite(fd, path, old, n - FOOT, err);
    close(fd);
    if (!rc && !is_readable(path, err))
        return err ? err->code : TR_EFORMAT;
    if (!rc && unlink(copy))
        rc = tr_err_sys(err, "cannot remove '%s'", copy);
    return rc;
}

int tr_amend_restore(const char *path, struct tr_err *err)
{
    char *copy = copy_path(path, err), *old = NULL;
    size_t n = 0;
    int rc = copy ? 0 : TR_ENOMEM;
    if (!rc && access(copy, F_OK))
        rc = tr_err_set(err, TR_EIO, "'%s': nothing is left of an edit that was cut short",
                        path);
    if (!rc)
        rc = tr_read_all(copy, &old, &n, err);
    if (!rc)
        rc = put_back(path, copy, (const unsigned char *)old, n, err);
    free(old);
    free(copy);
    return rc;
}
