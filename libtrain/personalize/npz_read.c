/* SPDX-License-Identifier: MIT
 *
 * Archives read by pieces, stored or deflated, through libzip, which compares checksums at the end
 * of each array.  Sizes are believed only where head and entry agree, and a caller says how
 * large a piece may be.  Next: npz.c, which writes them.
 */
#include <libtrain/base/base.h>
#include <libtrain/dtype.h>
#include <libtrain/personalize/npz.h>

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { MAX_HEAD = 4096, FIRST_BYTES = 10 };

struct tr__npz_in {
    zip_t *zip;
    const char *path;
};

struct tr__npz_array {
    const struct tr__npz_in *z;
    zip_file_t *file;
    char *name;
    struct tr__npy_shape shape;
    uint64_t left; /* bytes that were not read yet */
};

struct tr__npz_in *tr__npz_open(const char *path, struct tr_err *err)
{
    int code = 0;
    struct tr__npz_in *z = calloc(1, sizeof *z);
    if (!z) {
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for an archive", path);
        return NULL;
    }
    z->path = path;
    if ((z->zip = zip_open(path, ZIP_RDONLY, &code)))
        return z;
    zip_error_t why;
    zip_error_init_with_code(&why, code);
    if (code == ZIP_ER_NOENT || code == ZIP_ER_OPEN || code == ZIP_ER_READ)
        tr_err_set(err, TR_EIO, "'%s': %s", path, zip_error_strerror(&why));
    else
        tr_err_set(err, TR_EFORMAT, "'%s' is no archive .npz: %s", path,
                   zip_error_strerror(&why));
    zip_error_fini(&why);
    free(z);
    return NULL;
}

void tr__npz_close(struct tr__npz_in *z)
{
    if (!z)
        return;
    zip_discard(z->zip);
    free(z);
}

const char *tr__npz_name(const struct tr__npz_in *z, int64_t i)
{
    return i < zip_get_num_entries(z->zip, 0) ? zip_get_name(z->zip, (zip_uint64_t)i, 0) : NULL;
}

static zip_int64_t place(const struct tr__npz_in *z, const char *name)
{
    char full[256];
    int n = snprintf(full, sizeof full, "%s.npy", name);
    return n < (int)sizeof full ? zip_name_locate(z->zip, full, 0) : -1;
}

int tr__npz_has(const struct tr__npz_in *z, const char *name)
{
    return place(z, name) >= 0;
}

/* ---- the head of an array ---------------------------------------------------------- */

static int bad(const struct tr__npz_array *a, const char *what, struct tr_err *err)
{
    return tr_err_set(err, TR_EFORMAT, "'%s': array '%s': %s", a->z->path, a->name, what);
}

/* What follows 'key': in the head's dictionary; NULL: there is none. */
static const char *value_of(const char *text, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *p = strstr(text, quoted);
    return p ? p + strlen(quoted) + strspn(p + strlen(quoted), " ") : NULL;
}

/* "(24, 576)" or "(24,)" */
static int read_shape(const char *text, struct tr__npy_shape *s)
{
    char *end;
    if (!text || *text++ != '(')
        return -1;
    for (s->n_dim = 0; s->n_dim < 2; s->n_dim++) {
        text += strspn(text, " ");
        if (*text == ')')
            break;
        long long v = strtoll(text, &end, 10);
        if (end == text || v < 0 || v > INT64_C(1) << 40)
            return -1;
        s->dim[s->n_dim] = v;
        text = end + strspn(end, " ");
        text += *text == ',';
    }
    return *(text + strspn(text, " ")) == ')' && s->n_dim ? 0 : -1;
}

static int read_dictionary(struct tr__npz_array *a, const char *text, struct tr_err *err)
{
    const char *type = value_of(text, "descr"), *order = value_of(text, "fortran_order");
    if (!type || !order || read_shape(value_of(text, "shape"), &a->shape))
        return bad(a, "not of one or two dimensions", err);
    if (!strncmp(order, "True", 4) && a->shape.n_dim == 2)
        return bad(a, "column by column: save numpy.ascontiguousarray of it", err);
    if (strlen(type) < 5 || *type != '\'' || type[4] != '\'')
        return bad(a, "not of plain numbers", err);
    memcpy(a->shape.type, type + 1, 3);
    a->shape.type[3] = '\0';
    if (a->shape.n_dim == 1)
        a->shape.dim[1] = 1;
    return 0;
}

static int take(struct tr__npz_array *a, void *to, uint64_t n)
{
    char *p = to;
    while (n) {
        zip_int64_t got = zip_fread(a->file, p, n);
        if (got <= 0)
            return -1;
        p += got;
        n -= (uint64_t)got;
        a->left -= (uint64_t)got;
    }
    return 0;
}

static int read_head(struct tr__npz_array *a, struct tr_err *err)
{
    unsigned char first[FIRST_BYTES + 2];
    char text[MAX_HEAD + 1];
    if (a->left < FIRST_BYTES + 2 || take(a, first, FIRST_BYTES) ||
        memcmp(first, "\x93NUMPY", 6) || first[6] < 1 || first[6] > 3)
        return bad(a, "no head of NumPy's", err);
    uint32_t n = tr__get_u16(first + 8);
    if (first[6] > 1) { /* two more bytes of the length */
        if (take(a, first + FIRST_BYTES, 2))
            return bad(a, "cut short", err);
        n = tr__get_u32(first + 8);
    }
    if (n > MAX_HEAD || n > a->left || take(a, text, n))
        return bad(a, "a head that is cut short, or too long", err);
    text[n] = '\0';
    return read_dictionary(a, text, err);
}

/* ---- arrays ------------------------------------------------------------------------ */

static struct tr__npz_array *open_array(const struct tr__npz_in *z, const char *name,
                                        struct tr_err *err)
{
    zip_stat_t stat;
    zip_int64_t i = place(z, name);
    struct tr__npz_array *a = i < 0 ? NULL : calloc(1, sizeof *a);
    if (i < 0)
        tr_err_set(err, TR_EFORMAT, "'%s' has no array '%s'", z->path, name);
    else if (!a || !(a->name = strdup(name)))
        tr_err_set(err, TR_ENOMEM, "'%s': out of memory for an array", z->path);
    else if ((a->z = z) && (zip_stat_index(z->zip, (zip_uint64_t)i, 0, &stat) ||
                            !(a->file = zip_fopen_index(z->zip, (zip_uint64_t)i, 0))))
        tr_err_set(err, TR_EFORMAT, "'%s': array '%s': %s", z->path, name,
                   zip_strerror(z->zip));
    else
        a->left = stat.size;
    if (a && a->file)
        return a;
    tr__npz_array_close(a);
    return NULL;
}

void tr__npz_array_close(struct tr__npz_array *a)
{
    if (!a)
        return;
    if (a->file)
        zip_fclose(a->file);
    free(a->name);
    free(a);
}

struct tr__npz_array *tr__npz_array_open(const struct tr__npz_in *z, const char *name,
                                         const struct tr__npy_shape *want, struct tr_err *err)
{
    struct tr__npz_array *a = open_array(z, name, err);
    int rc = a ? read_head(a, err) : err->code;
    const struct tr__npy_shape *s = a ? &a->shape : NULL;
    if (!rc && (strcmp(s->type, want->type) || s->n_dim != want->n_dim ||
                s->dim[1] != want->dim[1] || (want->dim[0] >= 0 && s->dim[0] != want->dim[0])))
        rc = tr_err_set(err, TR_EMISMATCH, "'%s': array '%s' is (%lld, %lld) of '%s', and "
                        "(%lld, %lld) of '%s' is wanted", z->path, name, (long long)s->dim[0],
                        (long long)s->dim[1], s->type,
                        (long long)(want->dim[0] < 0 ? s->dim[0] : want->dim[0]),
                        (long long)want->dim[1], want->type);
    if (!rc && a->left != (uint64_t)(s->dim[0] * s->dim[1]) * (uint64_t)(s->type[2] - '0'))
        rc = bad(a, "not as many bytes as its head says", err);
    if (!rc)
        return a;
    tr__npz_array_close(a);
    return NULL;
}

const struct tr__npy_shape *tr__npz_shape(const struct tr__npz_array *a)
{
    return &a->shape;
}

int tr__npz_read(struct tr__npz_array *a, void *to, int64_t rows, struct tr_err *err)
{
    char more;
    uint64_t n = (uint64_t)(rows * a->shape.dim[1]) * (uint64_t)(a->shape.type[2] - '0');
    if (n > a->left || take(a, to, n) || (!a->left && zip_fread(a->file, &more, 1) != 0))
        return bad(a, "damaged, or cut short", err);
    if (a->shape.type[1] == 'f' && !tr_f32.finite(to, rows * a->shape.dim[1]))
        return bad(a, "holds NaN or infinities", err);
    return 0;
}
