/* SPDX-License-Identifier: MIT
 *
 * The directory of a zip archive, read by ourselves: PyTorch stores tensors unpacked, so
 * they can be used where the file is mapped, and for this one must know where they lie,
 * which libzip does not tell.  Nothing of the directory is believed before it is looked at:
 * entries that share bytes would let a small file seem to hold any amount of data.
 * Deflated entries, which others' tools may leave, are unpacked by libzip.  Next: torch.c.
 */
#include <libtrain/hf/zip.h>
#include <libtrain/base/base.h>

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    MAX_COMMENT = 65535,
    MAX_NAME = 1024,
    MAX_RATIO = 200,       /* of a deflated entry, once it is larger than */
    FREE_SIZE = 1 << 20,
    ZIP64 = 1              /* id of the extra field */
};
#define MAX_UNPACKED ((uint64_t)1 << 36)

struct tr__zip {
    const char *path;
    const unsigned char *base;
    uint64_t size;
    uint64_t directory, directory_end;
    struct tr__zip_entry *entry;
    size_t n;
    struct tr__names index;
    char *names;

    zip_t *unpacker; /* NULL until it is needed */
    const struct tr__zip_entry *unpacked;
    unsigned char *bytes; /* of that one */
};

static int bad(const struct tr__zip *z, uint64_t at, const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s' offset %llu: %s: a damaged zip archive",
                      z->path, (unsigned long long)at, what);
}

static int is(const unsigned char *p, const char *magic)
{
    return memcmp(p, magic, 4) == 0;
}

/* ---- the end, which says where the directory is ----------------------------------- */

/* Offset of the record at the end; 0: none. */
static uint64_t find_end(const struct tr__zip *z)
{
    uint64_t most = END_BYTES + MAX_COMMENT < z->size ? END_BYTES + MAX_COMMENT : z->size;
    for (uint64_t back = END_BYTES; back <= most; back++) {
        const unsigned char *p = z->base + z->size - back;
        if (is(p, "PK\5\6") && tr__get_u16(p + 20) == back - END_BYTES)
            return z->size - back;
    }
    return 0;
}

/* The larger record, if there is a locator of it in front of the end. */
static const unsigned char *find_end64(const struct tr__zip *z, uint64_t end)
{
    if (end < LOCATOR_BYTES + END64_BYTES || !is(z->base + end - LOCATOR_BYTES, "PK\6\7"))
        return NULL;
    uint64_t at = tr__get_u64(z->base + end - LOCATOR_BYTES + 8);
    if (at > end - LOCATOR_BYTES - END64_BYTES || !is(z->base + at, "PK\6\6"))
        return NULL;
    return z->base + at;
}

static int read_end(struct tr__zip *z, struct tr_err *err)
{
    uint64_t end = find_end(z), n, bytes;
    if (!end)
        return tr_err_set(err, TR_EFORMAT, "'%s': no directory at its end: cut short, or "
                          "no zip archive", z->path);
    const unsigned char *p = z->base + end, *p64 = find_end64(z, end);
    n = p64 ? tr__get_u64(p64 + 32) : tr__get_u16(p + 10);
    bytes = p64 ? tr__get_u64(p64 + 40) : tr__get_u32(p + 12);
    z->directory = p64 ? tr__get_u64(p64 + 48) : tr__get_u32(p + 16);
    if (z->directory > end || bytes > end - z->directory)
        return bad(z, end, "a directory outside of the file", err);
    z->directory_end = z->directory + bytes;
    if (n > bytes / ENTRY_BYTES)
        return bad(z, end, "more entries than there is room for", err);
    z->n = (size_t)n;
    return 0;
}

/* ---- entries ---------------------------------------------------------------------- */

/* The next number of a zip64 field, in the place of one that is all ones. */
static int widen(struct tr__cursor *extra, uint64_t *v)
{
    if (*v == UINT32_MAX)
        *v = tr__cur_u64(extra);
    return extra->bad;
}

static uint16_t take_u16(struct tr__cursor *c)
{
    const unsigned char *p = tr__cur_take(c, 2);
    return p ? tr__get_u16(p) : 0;
}

static int read_zip64(struct tr__zip_entry *e, const unsigned char *extra, uint64_t bytes)
{
    struct tr__cursor c = { .base = extra, .size = bytes };
    if (e->size != UINT32_MAX && e->packed != UINT32_MAX && e->header != UINT32_MAX)
        return 0;
    while (tr__cur_left(&c) >= 4) {
        uint16_t id = take_u16(&c), n = take_u16(&c);
        struct tr__cursor field = { .base = tr__cur_take(&c, n), .size = n };
        if (field.base && id == ZIP64)
            return widen(&field, &e->size) || widen(&field, &e->packed) ||
                   widen(&field, &e->header);
    }
    return 0; /* no field: the numbers are what they are */
}

/* Where its bytes begin: behind a header of its own. */
static int place(const struct tr__zip *z, struct tr__zip_entry *e, struct tr_err *err)
{
    if (e->header > z->directory || z->directory - e->header < LOCAL_BYTES ||
        !is(z->base + e->header, "PK\3\4"))
        return bad(z, e->header, "no entry where the directory says", err);
    const unsigned char *p = z->base + e->header;
    e->at = e->header + LOCAL_BYTES + tr__get_u16(p + 26) + tr__get_u16(p + 28);
    if (e->at > z->directory || e->packed > z->directory - e->at)
        return bad(z, e->header, "an entry that is longer than the file", err);
    return 0;
}

static int check_method(const struct tr__zip *z, struct tr__zip_entry *e, int flags,
                        int method, struct tr_err *err)
{
    if (flags & 0x41)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': entry '%s' is encrypted", z->path,
                          e->name);
    if (method != ZIP_CM_STORE && method != ZIP_CM_DEFLATE)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': entry '%s' is packed by method %d, "
                          "which is not known here", z->path, e->name, method);
    e->deflated = method == ZIP_CM_DEFLATE;
    if (!e->deflated && e->size != e->packed)
        return bad(z, e->header, "a stored entry of two sizes", err);
    if (e->deflated && (e->size > MAX_UNPACKED ||
                        (e->size > FREE_SIZE && e->size / MAX_RATIO > e->packed)))
        return tr_err_set(err, TR_EFORMAT, "'%s': entry '%s' of %llu bytes is said to "
                          "become %llu: refused", z->path, e->name,
                          (unsigned long long)e->packed, (unsigned long long)e->size);
    return 0;
}

/* One record of the directory; its name is copied to *names. */
static int read_entry(struct tr__zip *z, struct tr__cursor *c, struct tr__zip_entry *e,
                      char **names, struct tr_err *err)
{
    uint64_t at = z->directory + c->at;
    const unsigned char *p = tr__cur_take(c, ENTRY_BYTES);
    if (!p || !is(p, "PK\1\2"))
        return bad(z, at, "no entry of the directory", err);
    uint64_t n_name = tr__get_u16(p + 28), n_extra = tr__get_u16(p + 30);
    const char *name = tr__cur_take(c, n_name);
    const unsigned char *extra = tr__cur_take(c, n_extra);
    if (!tr__cur_take(c, tr__get_u16(p + 32)) || !n_name || n_name > MAX_NAME ||
        memchr(name, 0, n_name))
        return bad(z, at, "no name of an entry", err);
    e->name = memcpy(*names, name, n_name);
    *names += n_name + 1;
    e->packed = tr__get_u32(p + 20);
    e->size = tr__get_u32(p + 24);
    e->header = tr__get_u32(p + 42);
    if (read_zip64(e, extra, n_extra))
        return bad(z, at, "sizes that are cut short", err);
    int rc = place(z, e, err);
    return rc ? rc : check_method(z, e, tr__get_u16(p + 8), tr__get_u16(p + 10), err);
}

static int by_place(const void *a, const void *b)
{
    const struct tr__zip_entry *x = *(const struct tr__zip_entry *const *)a;
    const struct tr__zip_entry *y = *(const struct tr__zip_entry *const *)b;
    return (x->header > y->header) - (x->header < y->header);
}

static int check_apart(const struct tr__zip *z, struct tr_err *err)
{
    const struct tr__zip_entry **sorted = malloc((z->n + 1) * sizeof *sorted);
    int rc = 0;
    if (!sorted)
        return tr_err_sys(err, "'%s'", z->path);
    for (size_t i = 0; i < z->n; i++)
        sorted[i] = &z->entry[i];
    qsort(sorted, z->n, sizeof *sorted, by_place);
    for (size_t i = 1; !rc && i < z->n; i++)
        if (sorted[i - 1]->at + sorted[i - 1]->packed > sorted[i]->header)
            rc = tr_err_set(err, TR_EFORMAT, "'%s': entries '%s' and '%s' overlap: refused",
                            z->path, sorted[i - 1]->name, sorted[i]->name);
    free(sorted);
    return rc;
}

static int read_directory(struct tr__zip *z, struct tr_err *err)
{
    uint64_t bytes = z->directory_end - z->directory;
    struct tr__cursor c = { .base = z->base + z->directory, .size = bytes };
    z->entry = calloc(z->n + 1, sizeof *z->entry);
    z->names = calloc(1, bytes + 1);
    char *names = z->names;
    if (!z->entry || !z->names ||
        tr__names_reserve(&z->index, z->entry, sizeof *z->entry, z->n))
        return tr_err_sys(err, "'%s'", z->path);
    for (size_t i = 0; i < z->n; i++) {
        int rc = read_entry(z, &c, &z->entry[i], &names, err);
        if (rc)
            return rc;
        if ((rc = tr__names_add(&z->index, z->entry, sizeof *z->entry)) > 0)
            return tr_err_set(err, TR_EFORMAT, "'%s': two entries are named '%s'", z->path,
                              z->entry[i].name);
        if (rc)
            return tr_err_sys(err, "'%s'", z->path);
    }
    return check_apart(z, err);
}

struct tr__zip *tr__zip_open(const unsigned char *base, uint64_t size, const char *path,
                             struct tr_err *err)
{
    struct tr__zip *z = calloc(1, sizeof *z);
    if (!z) {
        tr_err_sys(err, "'%s'", path);
        return NULL;
    }
    z->base = base;
    z->size = size;
    z->path = path;
    if (!read_end(z, err) && !read_directory(z, err))
        return z;
    tr__zip_close(z);
    return NULL;
}

void tr__zip_close(struct tr__zip *z)
{
    if (!z)
        return;
    if (z->unpacker)
        zip_discard(z->unpacker);
    tr__names_release(&z->index);
    free(z->bytes);
    free(z->entry);
    free(z->names);
    free(z);
}

size_t tr__zip_n(const struct tr__zip *z)
{
    return z->n;
}

const struct tr__zip_entry *tr__zip_at(const struct tr__zip *z, size_t i)
{
    return &z->entry[i];
}

const struct tr__zip_entry *tr__zip_find(const struct tr__zip *z, const char *name)
{
    size_t i = tr__names_find(&z->index, z->entry, sizeof *z->entry, name);
    return i == TR__NO_NAME ? NULL : &z->entry[i];
}

/* ---- unpacking -------------------------------------------------------------------- */

static int open_unpacker(struct tr__zip *z)
{
    if (z->unpacker)
        return 0;
    zip_source_t *source = zip_source_buffer_create(z->base, z->size, 0, NULL);
    if (source && !(z->unpacker = zip_open_from_source(source, ZIP_RDONLY, NULL)))
        zip_source_free(source);
    return z->unpacker ? 0 : -1;
}

/* All of the entry, and no byte more; libzip compares the checksum at the end. */
static int unpack(struct tr__zip *z, const struct tr__zip_entry *e, unsigned char *to)
{
    zip_file_t *f = open_unpacker(z) ? NULL : zip_fopen(z->unpacker, e->name, 0);
    uint64_t n = 0;
    zip_int64_t got;
    unsigned char more;
    if (!f)
        return -1;
    while (n < e->size && (got = zip_fread(f, to + n, e->size - n)) > 0)
        n += (uint64_t)got;
    int rc = n == e->size && zip_fread(f, &more, 1) == 0 ? 0 : -1;
    return zip_fclose(f) ? -1 : rc;
}

const unsigned char *tr__zip_bytes(struct tr__zip *z, const struct tr__zip_entry *e,
                                   struct tr_err *err)
{
    if (!e->deflated)
        return z->base + e->at;
    if (z->unpacked == e)
        return z->bytes;
    free(z->bytes);
    z->unpacked = NULL;
    if (!(z->bytes = malloc(e->size + 1))) {
        tr_err_sys(err, "'%s': entry '%s' of %llu bytes", z->path, e->name,
                   (unsigned long long)e->size);
        return NULL;
    }
    if (unpack(z, e, z->bytes)) {
        tr_err_set(err, TR_EFORMAT, "'%s': entry '%s' cannot be unpacked", z->path,
                   e->name);
        return NULL;
    }
    z->unpacked = e;
    return z->bytes;
}
