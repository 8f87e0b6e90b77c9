/* SPDX-License-Identifier: MIT
 *
 * What torch.save writes: NAME/data.pkl says which tensors there are, NAME/data/KEY holds
 * the numbers of a storage.  A tensor is a view of one: several may share it, and its rows
 * may be strides apart.  Every view is checked against the bytes that are there.  Next:
 * pickle.c, zip.c.
 */
#include <libtrain/hf/torch.h>
#include <libtrain/base/base.h>
#include <libtrain/hf/zip.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tr__torch {
    const char *path;
    const unsigned char *base;
    uint64_t size;
    struct tr__zip *zip;
    pthread_mutex_t unpacking; /* one deflated entry at a time */
    struct tr__pickle pickle;
    struct tr__torch_tensor *tensor;
    size_t n;
    struct tr__names index;
    int prefix; /* bytes of the names of entries in front of "data.pkl" */
    const char *top;
};

/* ---- what the file is ------------------------------------------------------------- */

/* The first instruction of files of before 1.6, a number of ten bytes. */
static int is_old(const unsigned char *p, uint64_t n)
{
    static const unsigned char magic[] = { 0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46,
                                           0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };
    return (n > sizeof magic && !memcmp(p, magic, sizeof magic)) ||
           (n > 262 && !memcmp(p + 257, "ustar", 5));
}

static int check_kind(const struct tr__torch *t, struct tr_err *err)
{
    const unsigned char *p = t->base;
    if (t->size >= 4 && !memcmp(p, "PK\3\4", 4))
        return 0;
    if (is_old(p, t->size))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s' has the form of PyTorch before 1.6: "
                          "load it and save it again with torch.save, or as safetensors",
                          t->path);
    size_t n = t->size < TR__MAGIC_SHOWN ? t->size : TR__MAGIC_SHOWN;
    return tr_err_set(err, TR_EFORMAT, "'%s' is %s, not a file of torch.save", t->path,
                      tr__magic_words(p, n));
}

/* The entry that ends so, of which there must be one. */
static const struct tr__zip_entry *find_pickle(struct tr__torch *t, struct tr_err *err)
{
    static const char tail[] = "/data.pkl";
    const struct tr__zip_entry *found = NULL;
    for (size_t i = 0; i < tr__zip_n(t->zip); i++) {
        const struct tr__zip_entry *e = tr__zip_at(t->zip, i);
        size_t n = strlen(e->name);
        if (n < sizeof tail || strcmp(e->name + n - (sizeof tail - 1), tail))
            continue;
        if (found) {
            tr_err_set(err, TR_EFORMAT, "'%s': two dictionaries, '%s' and '%s'", t->path,
                       found->name, e->name);
            return NULL;
        }
        found = e;
        t->prefix = (int)(n - (sizeof tail - 2));
    }
    if (!found)
        tr_err_set(err, TR_EFORMAT, "'%s' is a zip archive without data.pkl, not a file of "
                   "torch.save", t->path);
    t->top = found ? found->name : NULL;
    return found;
}

static const struct tr__zip_entry *find_entry(const struct tr__torch *t, const char *folder,
                                              struct tr_str key)
{
    char name[1100];
    if (key.len > 64 || t->prefix > 1000 || memchr(key.ptr, 0, key.len))
        return NULL;
    snprintf(name, sizeof name, "%.*s%s%.*s", t->prefix, t->top, folder, (int)key.len,
             key.ptr);
    return tr__zip_find(t->zip, name);
}

/* Numbers are little endian unless an entry says so. */
static int check_order(struct tr__torch *t, struct tr_err *err)
{
    const struct tr__zip_entry *e = find_entry(t, "", (struct tr_str){ "byteorder", 9 });
    const unsigned char *p = e ? tr__zip_bytes(t->zip, e, err) : NULL;
    if (e && !p)
        return TR_EFORMAT;
    if (e && (e->size != 6 || memcmp(p, "little", 6)))
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': its numbers are not little endian",
                          t->path);
    return 0;
}

/* ---- tensors ---------------------------------------------------------------------- */

/* The last number that the view touches, and how many it has: 0, or -1 if that is beyond
 * counting. */
static int measure(struct tr__torch_tensor *x, int64_t *last)
{
    int64_t step;
    x->count = 1;
    *last = x->offset;
    for (int i = 0; i < x->n_dim; i++)
        if (__builtin_mul_overflow(x->count, x->dim[i], &x->count))
            return -1;
    for (int i = 0; x->count && i < x->n_dim; i++)
        if (__builtin_mul_overflow(x->dim[i] - 1, x->stride[i], &step) ||
            __builtin_add_overflow(*last, step, last))
            return -1;
    return 0;
}

static int is_dense(const struct tr__torch_tensor *x)
{
    int64_t want = 1;
    for (int i = x->n_dim; x->count && i-- > 0; want *= x->dim[i])
        if (x->dim[i] > 1 && x->stride[i] != want)
            return 0;
    return 1;
}

static int bad(const struct tr__torch *t, const struct tr__torch_tensor *x,
               const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' %s", t->path, x->name, what);
}

static int place(struct tr__torch *t, const struct tr__pickled *p,
                 struct tr__torch_tensor *x, struct tr_err *err)
{
    const struct tr__zip_entry *e = find_entry(t, "data/", p->storage);
    int64_t last;
    *x = (struct tr__torch_tensor){ .name = p->name, .type = p->type, .n_dim = p->n_dim,
                                    .offset = p->offset };
    memcpy(x->dim, p->dim, sizeof x->dim);
    memcpy(x->stride, p->stride, sizeof x->stride);
    if (!e)
        return bad(t, x, "has its numbers in an entry that is not there", err);
    x->entry = (size_t)(e - tr__zip_at(t->zip, 0));
    if ((uint64_t)p->n_storage > e->size / (uint64_t)x->type->bytes)
        return bad(t, x, "has a storage that is longer than its entry", err);
    if (measure(x, &last) || (x->count && last >= p->n_storage))
        return bad(t, x, "lies outside of its storage", err);
    /* a few bytes must not stand for a tensor of any size */
    if (x->count > p->n_storage)
        return bad(t, x, "has more numbers than its storage", err);
    x->dense = is_dense(x);
    return 0;
}

static int read_tensors(struct tr__torch *t, struct tr_err *err)
{
    size_t size = sizeof *t->tensor;
    t->tensor = calloc(t->pickle.n + 1, size);
    if (!t->tensor || tr__names_reserve(&t->index, t->tensor, size, t->pickle.n))
        return tr_err_sys(err, "'%s'", t->path);
    for (; t->n < t->pickle.n; t->n++) {
        int rc = place(t, &t->pickle.tensor[t->n], &t->tensor[t->n], err);
        if (rc)
            return rc;
        if ((rc = tr__names_add(&t->index, t->tensor, size)) > 0)
            return bad(t, &t->tensor[t->n], "comes twice", err);
        if (rc)
            return tr_err_sys(err, "'%s'", t->path);
    }
    return 0;
}

static int parse(struct tr__torch *t, struct tr_err *err)
{
    int rc = check_kind(t, err);
    if (rc)
        return rc;
    if (!(t->zip = tr__zip_open(t->base, t->size, t->path, err)))
        return -1;
    const struct tr__zip_entry *e = find_pickle(t, err);
    if (!e || check_order(t, err))
        return -1;
    const unsigned char *p = tr__zip_bytes(t->zip, e, err); /* behind any other that is packed */
    if (!p)
        return -1;
    rc = tr__pickle_read(p, e->size, t->path, &t->pickle, err);
    return rc ? rc : read_tensors(t, err);
}

/* ---- all of it -------------------------------------------------------------------- */

struct tr__torch *tr__torch_open(const unsigned char *base, uint64_t size,
                                       const char *path, struct tr_err *err)
{
    struct tr__torch *t = calloc(1, sizeof *t);
    if (!t || pthread_mutex_init(&t->unpacking, NULL)) {
        tr_err_sys(err, "'%s'", path);
        free(t);
        return NULL;
    }
    t->path = path;
    t->base = base;
    t->size = size;
    if (!parse(t, err))
        return t;
    tr__torch_close(t);
    return NULL;
}

void tr__torch_close(struct tr__torch *t)
{
    if (!t)
        return;
    tr__zip_close(t->zip);
    tr__pickle_release(&t->pickle);
    tr__names_release(&t->index);
    pthread_mutex_destroy(&t->unpacking);
    free(t->tensor);
    free(t);
}

size_t tr__torch_n(const struct tr__torch *t)
{
    return t->n;
}

const struct tr__torch_tensor *tr__torch_at(const struct tr__torch *t, size_t i)
{
    return &t->tensor[i];
}

/* ---- numbers ---------------------------------------------------------------------- */

/* Where element `at`, in the order of the shape, is in the storage. */
static int64_t place_of(const struct tr__torch_tensor *x, int64_t at)
{
    int64_t place = x->offset;
    for (int i = x->n_dim; i-- > 0; at /= x->dim[i])
        place += at % x->dim[i] * x->stride[i];
    return place;
}

/* Numbers one by one along the last dimension, a row at a time. */
static void gather(const struct tr__torch_tensor *x, const unsigned char *storage,
                   int64_t first, int64_t n, unsigned char *dst)
{
    int64_t row = x->dim[x->n_dim - 1], step = x->stride[x->n_dim - 1];
    size_t bytes = (size_t)x->type->bytes;
    while (n > 0) {
        int64_t in_row = row - first % row, k = n < in_row ? n : in_row;
        const unsigned char *src = storage + place_of(x, first) * x->type->bytes;
        for (int64_t i = 0; i < k; i++, dst += bytes)
            memcpy(dst, src + i * step * x->type->bytes, bytes);
        first += k;
        n -= k;
    }
}

static void copy(const struct tr__torch_tensor *x, const unsigned char *storage,
                 int64_t first, int64_t n, void *dst)
{
    if (x->dense)
        memcpy(dst, storage + (x->offset + first) * x->type->bytes,
               (size_t)n * (size_t)x->type->bytes);
    else
        gather(x, storage, first, n, dst);
}

int tr__torch_read(struct tr__torch *t, const struct tr__torch_tensor *x, int64_t first,
                   int64_t n, void *dst, struct tr_err *err)
{
    if (first < 0 || n < 0 || first > x->count || n > x->count - first)
        tr_fatal("numbers %lld + %lld of '%s'", (long long)first, (long long)n, x->name);
    const struct tr__zip_entry *e = tr__zip_at(t->zip, x->entry);
    if (!n)
        return 0;
    if (e->deflated)
        pthread_mutex_lock(&t->unpacking);
    const unsigned char *p = tr__zip_bytes(t->zip, e, err);
    if (p)
        copy(x, p, first, n, dst);
    if (e->deflated)
        pthread_mutex_unlock(&t->unpacking);
    return p ? 0 : TR_EFORMAT;
}
