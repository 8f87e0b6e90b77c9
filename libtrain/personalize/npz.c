/* SPDX-License-Identifier: MIT
 *
 * Stored entries need no library: each is a record, its bytes, and a line of the directory at
 * the end.  Sizes and places stand in the zip64 field of all entries, whether they need it or
 * not, so that there is one layout.
 */
#include <libtrain/base/base.h>
#include <libtrain/personalize/npz.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    HEAD_BYTES = 128, /* of a .npy: magic, length, text; a multiple of 64 */
    LOCAL_BYTES = 30, LOCAL_EXTRA = 20,
    ENTRY_BYTES = 46, ENTRY_EXTRA = 28,
    END64_BYTES = 56, LOCATOR_BYTES = 20, END_BYTES = 22,
    ZIP64 = 1, VERSION = 45, UTF8_NAME = 1 << 11, JANUARY_1980 = 0x21
};

struct entry {
    char *name;
    uint32_t crc;
    uint64_t at, size;
};

struct tr__npz {
    struct tr_out *out;
    uint64_t at;
    struct entry *entry;
    size_t n, cap;
};

static size_t bytes_of(const struct tr__npy *a)
{
    return (size_t)(a->dim[0] * (a->n_dim > 1 ? a->dim[1] : 1)) * (size_t)(a->type[2] - '0');
}

static void npy_head(char head[HEAD_BYTES], const struct tr__npy *a)
{
    char shape[64];
    if (a->n_dim > 1)
        snprintf(shape, sizeof shape, "%" PRId64 ", %" PRId64, a->dim[0], a->dim[1]);
    else
        snprintf(shape, sizeof shape, "%" PRId64 ",", a->dim[0]);
    memset(head, ' ', HEAD_BYTES);
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    tr__put_u16((unsigned char *)head + 8, HEAD_BYTES - 10);
    int n = snprintf(head + 10, HEAD_BYTES - 10,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", a->type, shape);
    head[10 + n] = ' ';
    head[HEAD_BYTES - 1] = '\n';
}

int tr__npy_write(struct tr_out *out, const struct tr__npy *a, struct tr_err *err)
{
    char head[HEAD_BYTES];
    npy_head(head, a);
    int rc = tr_out_write(out, head, sizeof head, err);
    return rc || !bytes_of(a) ? rc : tr_out_write(out, a->data, bytes_of(a), err);
}

int tr__npy_save(const char *path, const struct tr__npy *a, struct tr_err *err)
{
    struct tr_out *out = tr_out_open(path, err);
    return out ? tr_out_finish(out, tr__npy_write(out, a, err), err) : err->code;
}

struct tr__npz *tr__npz_new(const char *path, struct tr_err *err)
{
    struct tr__npz *z = calloc(1, sizeof *z);
    if (!z) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for an archive", path);
        return NULL;
    }
    z->out = tr_out_open(path, err);
    if (!z->out) {
        free(z);
        return NULL;
    }
    return z;
}

static int put(struct tr__npz *z, const void *data, size_t n, struct tr_err *err)
{
    z->at += n;
    return tr_out_write(z->out, data, n, err);
}

/* What a record and a line of the directory share, 26 bytes: from the version that is needed
 * to the length of what follows the name. */
static void put_shared(unsigned char *p, const struct entry *e, uint16_t extra)
{
    memset(p, 0, 26);
    tr__put_u16(p, VERSION);
    tr__put_u16(p + 2, UTF8_NAME);
    tr__put_u16(p + 8, JANUARY_1980);
    tr__put_u32(p + 10, e->crc);
    tr__put_u32(p + 14, UINT32_MAX); /* both sizes are in the field */
    tr__put_u32(p + 18, UINT32_MAX);
    tr__put_u16(p + 22, (uint16_t)strlen(e->name));
    tr__put_u16(p + 24, extra);
}

static void put_sizes(unsigned char *p, const struct entry *e, uint16_t extra)
{
    tr__put_u16(p, ZIP64);
    tr__put_u16(p + 2, (uint16_t)(extra - 4));
    tr__put_u64(p + 4, e->size);
    tr__put_u64(p + 12, e->size);
}

static int put_local(struct tr__npz *z, const struct entry *e, struct tr_err *err)
{
    unsigned char head[LOCAL_BYTES] = "PK\3\4", extra[LOCAL_EXTRA];
    put_shared(head + 4, e, sizeof extra);
    put_sizes(extra, e, sizeof extra);
    int rc = put(z, head, sizeof head, err);
    if (!rc)
        rc = put(z, e->name, strlen(e->name), err);
    return rc ? rc : put(z, extra, sizeof extra, err);
}

static int put_entry(struct tr__npz *z, const struct entry *e, struct tr_err *err)
{
    unsigned char head[ENTRY_BYTES] = "PK\1\2", extra[ENTRY_EXTRA];
    tr__put_u16(head + 4, VERSION);
    put_shared(head + 6, e, sizeof extra);
    tr__put_u32(head + 42, UINT32_MAX);
    put_sizes(extra, e, sizeof extra);
    tr__put_u64(extra + 20, e->at);
    int rc = put(z, head, sizeof head, err);
    if (!rc)
        rc = put(z, e->name, strlen(e->name), err);
    return rc ? rc : put(z, extra, sizeof extra, err);
}

static struct entry *new_entry(struct tr__npz *z, const char *name, struct tr_err *err)
{
    size_t size = strlen(name) + sizeof ".npy";
    char *full = malloc(size);
    if (!full || tr__grow(&z->entry, &z->cap, z->n + 1, sizeof *z->entry)) {
        free(full);
        tr_err_set(err, TR_ENOMEM, "out of memory for the names of arrays");
        return NULL;
    }
    snprintf(full, size, "%s.npy", name);
    z->entry[z->n] = (struct entry){ .name = full, .at = z->at };
    return &z->entry[z->n++];
}

int tr__npz_add(struct tr__npz *z, const char *name, const struct tr__npy *a,
                struct tr_err *err)
{
    char head[HEAD_BYTES];
    struct entry *e = new_entry(z, name, err);
    if (!e)
        return TR_ENOMEM;
    npy_head(head, a);
    e->size = HEAD_BYTES + bytes_of(a);
    e->crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)head, sizeof head);
    if (bytes_of(a))
        e->crc = (uint32_t)crc32_z(e->crc, a->data, bytes_of(a));
    int rc = put_local(z, e, err);
    z->at += e->size;
    return rc ? rc : tr__npy_write(z->out, a, err);
}

static int put_end(struct tr__npz *z, uint64_t begin, struct tr_err *err)
{
    unsigned char p[END64_BYTES + LOCATOR_BYTES + END_BYTES] = "PK\6\6";
    unsigned char *locator = p + END64_BYTES, *end = locator + LOCATOR_BYTES;
    tr__put_u64(p + 4, END64_BYTES - 12);
    tr__put_u16(p + 12, VERSION);
    tr__put_u16(p + 14, VERSION);
    tr__put_u64(p + 24, z->n);
    tr__put_u64(p + 32, z->n);
    tr__put_u64(p + 40, z->at - begin);
    tr__put_u64(p + 48, begin);
    memcpy(locator, "PK\6\7", 4);
    tr__put_u64(locator + 8, z->at);
    tr__put_u32(locator + 16, 1);
    memcpy(end, "PK\5\6", 4);
    memset(end + 8, 0xff, 12); /* counts, size and place of the directory: as above */
    return put(z, p, sizeof p, err);
}

int tr__npz_finish(struct tr__npz *z, int rc, struct tr_err *err)
{
    uint64_t begin = z->at;
    for (size_t i = 0; !rc && i < z->n; i++)
        rc = put_entry(z, &z->entry[i], err);
    if (!rc)
        rc = put_end(z, begin, err);
    rc = tr_out_finish(z->out, rc, err);
    for (size_t i = 0; i < z->n; i++)
        free(z->entry[i].name);
    free(z->entry);
    free(z);
    return rc;
}
